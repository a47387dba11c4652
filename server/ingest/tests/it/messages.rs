//! Storing, quarantine, replay, duplicates, the order of events.

use ingest::{Envelope, IngestError, MessageOutcome};
use serde_json::json;
use store::{MessageFilter, MessageKey, MessageStatus};

use crate::support::{ARAMINTA, Acute, NUMBER, OTHER_NUMBER, cld, gp_record, id, on_each, system};

#[test]
fn an_admission_is_stored_with_its_provenance_and_found() {
    on_each("stored", |house| async move {
        let receipt = house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        assert_eq!((receipt.messages, receipt.stored_messages, receipt.quarantined), (1, 1, 0), "{:?}", receipt.issues);
        let patients = house.patients(NUMBER).await;
        assert_eq!(patients.len(), 1);
        assert!(!id(&patients[0]).contains(NUMBER));
        let provenance = house.find("Provenance", "target", &format!("Patient/{}", id(&patients[0]))).await;
        assert_eq!(provenance.len(), 1);
        assert_eq!(provenance[0]["agent"][0]["who"]["identifier"]["value"], "RZ9");
        let kept = house.store.messages(&MessageFilter::default(), MessageKey(0), 10).await.unwrap();
        assert_eq!((kept.len(), kept[0].status), (1, MessageStatus::Stored));
        let page = house.store.audit().page(&Default::default(), 0, 10).await.unwrap();
        assert_eq!(page.entries.last().unwrap().record.patients, [id(&patients[0])]);
        house.assert_whole().await;
    });
}

#[test]
fn a_message_sent_twice_changes_nothing() {
    on_each("duplicate", |house| async move {
        let message = ARAMINTA.registration("M1", "20260105093000");
        house.hl7(message.clone()).await;
        let before = house.store.commit_seq().await.unwrap();
        let receipt = house.hl7(message).await;
        assert_eq!((receipt.duplicates, receipt.stored_messages), (1, 0));
        assert_eq!(house.store.commit_seq().await.unwrap(), before);
    });
}

#[test]
fn a_broken_message_is_kept_and_can_be_run_again() {
    on_each("quarantine", |house| async move {
        let broken = "MSH|^~\\&|EPIC|RZ9|||20260105||ADT^A28|B1|P|2.4\rEVN|A28";
        for _ in 0..2 {
            let receipt = house.hl7(broken.to_owned()).await;
            assert_eq!((receipt.stored_messages, receipt.quarantined), (0, 1));
            assert_eq!(receipt.each[0].outcome, MessageOutcome::Quarantined);
            assert_eq!(receipt.issues[0].expression.as_deref(), Some("PID"));
        }
        let kept = house.store.messages(&MessageFilter::default(), MessageKey(0), 10).await.unwrap();
        assert_eq!((kept.len(), kept[0].status), (1, MessageStatus::Quarantined));
        let (_, bytes) = house.store.message(kept[0].key).await.unwrap().unwrap();
        assert_eq!(bytes, broken.as_bytes());
        let again = house.ingest.replay(kept[0].key.0).await.unwrap();
        assert_eq!((again.quarantined, again.duplicates), (1, 0));
        let unknown = house.ingest.replay(999).await;
        assert!(matches!(unknown, Err(IngestError::UnknownMessage(999))));
    });
}

#[test]
fn a_quarantined_message_that_passes_now_is_replayed() {
    on_each("replay", |house| async move {
        // Put there by an earlier version that did not understand it.
        let message = ARAMINTA.registration("M1", "20260105093000");
        house.quarantine("M1", &message).await;
        let receipt = house.ingest.replay(1).await.unwrap();
        assert_eq!((receipt.stored_messages, receipt.quarantined), (1, 0), "{:?}", receipt.issues);
        let (summary, _) = house.store.message(MessageKey(1)).await.unwrap().unwrap();
        assert_eq!(summary.status, MessageStatus::Replayed);
        // What is stored may be run again too, and nothing comes of it.
        let before = house.patients(NUMBER).await;
        let again = house.ingest.replay(1).await.unwrap();
        assert_eq!((again.stored_messages, again.duplicates), (1, 0));
        assert_eq!(house.patients(NUMBER).await, before);
    });
}

#[test]
fn an_older_message_does_not_overwrite_newer_facts() {
    on_each("older", |house| async move {
        house.hl7(ARAMINTA.registration("M2", "20260106093000")).await;
        let older = Acute { family: "ODDMENT", ..ARAMINTA };
        let receipt = house.hl7(older.registration("M1", "20260105093000")).await;
        assert_eq!(receipt.stored_messages, 1);
        assert!(receipt.issues.iter().any(|issue| issue.detail.as_deref() == Some("older-than-stored")));
        assert_eq!(receipt.total().outdated, 1);
        assert_eq!(house.patients(NUMBER).await[0]["name"][0]["family"], "QUILLFEATHER");
        // An older one that says nothing else is stored as much as the newer one.
        let same = house.hl7(ARAMINTA.registration("M0", "20260104093000")).await;
        assert_eq!((same.total().stored, same.total().outdated), (1, 0), "{:?}", same.issues);
        let result = house.hl7(older.result("R1", "20260104093000")).await;
        assert_eq!(result.stored.get("Observation"), Some(&1), "{:?}", result.issues);
        let patient = &house.patients(NUMBER).await[0];
        assert_eq!(patient["name"][0]["family"], "QUILLFEATHER");
        let observation = &house.find("Observation", "code", "718-7").await[0];
        assert_eq!(observation["subject"]["reference"], format!("Patient/{}", id(patient)));
    });
}

#[test]
fn a_sender_whose_clock_runs_ahead_does_not_shut_out_what_follows() {
    on_each("ahead", |house| async move {
        house.hl7(ARAMINTA.registration("M1", "20990101000000")).await;
        let later = Acute { family: "ODDMENT", ..ARAMINTA };
        house.hl7(later.registration("M2", "20990102000000")).await;
        assert_eq!(house.patients(NUMBER).await[0]["name"][0]["family"], "ODDMENT");
    });
}

#[test]
fn a_refused_entry_of_a_record_is_quarantined_alone() {
    on_each("entry", |house| async move {
        let mut record = gp_record(NUMBER, "1944-10-26");
        record["entry"].as_array_mut().unwrap().push(json!({ "resource": {
            "resourceType": "Observation", "id": "o2", "status": "final", "subject": { "reference": "Patient/p1" } } }));
        let text = record.to_string().replace("71.5", "71.50");
        let receipt = house.receive("gp-connect", text).await;
        assert_eq!((receipt.quarantined, receipt.stored_messages), (1, 0));
        assert_eq!(receipt.stored.get("Observation"), Some(&1), "{:?}", receipt.issues);
        let units = house.store.quarantined_units(None).await.unwrap();
        assert_eq!(units.len(), 1);
        let weight = &house.find("Observation", "patient", id(&house.patients(NUMBER).await[0])).await[0];
        assert_eq!(weight["valueQuantity"]["value"].to_string(), "71.50");
        let again = house.ingest.replay(units[0].0.0).await.unwrap();
        assert_eq!((again.quarantined, again.duplicates), (1, 0));
        assert_eq!(house.store.quarantined_units(None).await.unwrap().len(), 1);
        house.assert_whole().await;
    });
}

#[test]
fn a_refused_row_is_quarantined_alone() {
    on_each("row", |house| async move {
        let file = cld(&[["LA1", NUMBER, "26/10/1944"], ["LA2", OTHER_NUMBER, "not a date"]]);
        let receipt = house.receive("social-care-cld", file).await;
        assert_eq!((receipt.messages, receipt.quarantined), (1, 1), "{:?}", receipt.issues);
        assert_eq!((house.patients(NUMBER).await.len(), house.patients(OTHER_NUMBER).await.len()), (1, 0));
        let units = house.store.quarantined_units(Some(MessageKey(1))).await.unwrap();
        assert_eq!(units[0].1.unit, "line-3");
    });
}

#[test]
fn many_messages_of_one_patient_at_once_are_all_stored() {
    on_each("at_once", |house| async move {
        let ingest = &house.ingest;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..24 {
            let ingest = std::sync::Arc::clone(ingest);
            let message = ARAMINTA.result(&format!("R{number}"), "20260104093000");
            tasks.spawn(async move { ingest.receive("acute-hl7v2", message.into(), Envelope::default()).await });
        }
        while let Some(done) = tasks.join_next().await {
            let receipt = done.unwrap().unwrap();
            assert_eq!(receipt.stored_messages, 1, "{:?}", receipt.issues);
        }
        assert_eq!(house.patients(NUMBER).await.len(), 1);
        assert_eq!(house.find("Observation", "code", "718-7").await.len(), 24);
        assert!(house.store.check(&system()).await.unwrap().problems.is_empty());
    });
}
