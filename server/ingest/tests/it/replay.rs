//! Running kept messages again: nothing that came after them is overwritten or undone.

use serde_json::{Value, json};
use store::{MessageFilter, MessageKey, MessageStatus};

use crate::support::{ARAMINTA, Acute, House, NUMBER, OTHER_NUMBER, id, on_each};

async fn family(house: &House) -> Value {
    house.patients(NUMBER).await[0]["name"][0]["family"].clone()
}

#[test]
fn a_message_of_the_same_moment_that_came_later_stands() {
    on_each("replay_moment", |house| async move {
        house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        house.hl7(Acute { family: "ODDMENT", ..ARAMINTA }.registration("M2", "20260105093000")).await;
        let again = house.ingest.replay(1).await.unwrap();
        assert!(again.issues.iter().any(|issue| issue.detail.as_deref() == Some("older-than-stored")));
        assert_eq!(again.total().outdated, 1);
        assert_eq!(family(&house).await, "ODDMENT");
        // The later one may be run again as often as one likes.
        let again = house.ingest.replay(2).await.unwrap();
        assert_eq!((again.total().stored, family(&house).await), (1, json!("ODDMENT")));
    });
}

#[test]
fn what_a_client_wrote_since_stands() {
    on_each("replay_edit", |house| async move {
        house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        let mut patient = house.patients(NUMBER).await.remove(0);
        patient["name"][0]["family"] = json!("ODDMENT");
        house.put(&patient).await;
        house.ingest.replay(1).await.unwrap();
        assert_eq!(family(&house).await, "ODDMENT");
        // A new message tells what is so now.
        house.hl7(ARAMINTA.registration("M2", "20260106093000")).await;
        assert_eq!(family(&house).await, "QUILLFEATHER");
        house.ingest.replay(1).await.unwrap();
        house.assert_whole().await;
    });
}

#[test]
fn a_provenance_keeps_its_targets() {
    on_each("replay_provenance", |house| async move {
        house.hl7(ARAMINTA.result("R1", "20260105093000")).await;
        house.hl7(ARAMINTA.registration("M1", "20260106093000")).await;
        let observation = house.find("Observation", "code", "718-7").await.remove(0);
        let reference = format!("Observation/{}", id(&observation));
        let before = house.find("Provenance", "target", &reference).await;
        house.ingest.replay(1).await.unwrap();
        assert_eq!(house.find("Provenance", "target", &reference).await, before);
    });
}

#[test]
fn an_undone_merge_is_not_made_again() {
    on_each("replay_merge", |house| async move {
        let loser = Acute { record: "WT2", number: OTHER_NUMBER, ..ARAMINTA };
        house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        house.hl7(loser.registration("M2", "20260105093000")).await;
        let before = house.patients(OTHER_NUMBER).await.remove(0);
        house.hl7(ARAMINTA.merge("M3", "20260107090000", "WT2")).await;
        assert_eq!(house.patients(OTHER_NUMBER).await[0]["active"], json!(false));

        assert!(house.ingest.unmerge(id(&before), "wrong patient").await.unwrap());
        // The record says again what it said before the merge.
        let mut after = house.patients(OTHER_NUMBER).await.remove(0);
        after["meta"] = before["meta"].clone();
        assert_eq!(after, before);
        let persons = async || {
            let survivor = house.patients(NUMBER).await.remove(0);
            let of = async |id: String| house.store.person_of_patient(&id).await.unwrap().unwrap();
            (of(id(&survivor).to_owned()).await, of(id(&before).to_owned()).await)
        };
        let (a, b) = persons().await;
        assert_ne!(a, b);
        let again = house.ingest.replay(3).await.unwrap();
        assert!(again.issues.iter().any(|issue| issue.detail.as_deref() == Some("merge-not-repeated")));
        assert_eq!(persons().await, (a, b));
        assert_eq!(house.patients(OTHER_NUMBER).await[0].get("link"), None);
        assert!(!house.ingest.unmerge(id(&before), "twice").await.unwrap());
        house.assert_whole().await;
    });
}

#[test]
fn a_merge_that_waited_in_quarantine_is_made() {
    on_each("replay_waiting", |house| async move {
        house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        let loser = Acute { record: "WT2", number: OTHER_NUMBER, ..ARAMINTA };
        house.hl7(loser.registration("M2", "20260105093000")).await;
        house.quarantine("M3", &ARAMINTA.merge("M3", "20260107090000", "WT2")).await;
        house.ingest.replay(3).await.unwrap();
        let (a, b) = (house.patients(NUMBER).await.remove(0), house.patients(OTHER_NUMBER).await.remove(0));
        let person = house.store.person_of_patient(id(&a)).await.unwrap();
        assert_eq!(house.store.person_of_patient(id(&b)).await.unwrap(), person);
        let kept = house.store.messages(&MessageFilter::default(), MessageKey(2), 1).await.unwrap();
        assert_eq!((kept[0].status, &kept[0].code, &kept[0].issues), (MessageStatus::Replayed, &None, &None));
    });
}

#[test]
fn a_message_that_was_put_away_can_be_run_after_all() {
    on_each("replay_away", |house| async move {
        house.quarantine("M1", &ARAMINTA.registration("M1", "20260105093000")).await;
        let (waiting, away) = (MessageStatus::Quarantined, MessageStatus::Superseded);
        assert!(house.store.set_message_status(MessageKey(1), waiting, away).await.unwrap());
        // Sent again it stays away.
        assert_eq!(house.hl7(ARAMINTA.registration("M1", "20260105093000")).await.duplicates, 1);
        assert_eq!(house.patients(NUMBER).await.len(), 0);
        assert_eq!(house.ingest.replay(1).await.unwrap().stored_messages, 1);
        let (summary, _) = house.store.message(MessageKey(1)).await.unwrap().unwrap();
        assert_eq!((summary.status, house.patients(NUMBER).await.len()), (MessageStatus::Replayed, 1));
    });
}

#[test]
fn warnings_about_what_is_stored_are_kept() {
    on_each("replay_noted", |house| async move {
        house.hl7(ARAMINTA.merge("M1", "20260107090000", "WT2")).await;
        let (summary, _) = house.store.message(MessageKey(1)).await.unwrap().unwrap();
        let issues: Value = serde_json::from_str(&summary.issues.unwrap()).unwrap();
        assert_eq!(issues["issue"].as_array().unwrap().len(), 1);
        assert_eq!(issues["issue"][0]["severity"], "warning");
    });
}
