//! Which Patients become one person, and which are left to the review list.

use std::sync::Arc;

use ingest::Envelope;
use serde_json::json;

use crate::support::{ARAMINTA, Acute, NUMBER, OTHER_NUMBER, cld, gp_record, id, on_each};

#[test]
fn three_feeds_of_one_patient_become_one_person() {
    on_each("three", |house| async move {
        house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        house.receive("gp-connect", gp_record(NUMBER, "1944-10-26").to_string()).await;
        house.receive("social-care-cld", cld(&[["LA1", NUMBER, "26/10/1944"]])).await;
        assert_eq!(house.patients(NUMBER).await.len(), 3);
        assert_eq!(house.persons(NUMBER).await, 1);
        assert_eq!(house.reasons().await, Vec::<String>::new());
        house.assert_whole().await;
    });
}

#[test]
fn another_birth_date_goes_to_the_review_list() {
    on_each("review", |house| async move {
        house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        house.receive("gp-connect", gp_record(NUMBER, "1944-10-27").to_string()).await;
        assert_eq!(house.persons(NUMBER).await, 2);
        assert_eq!(house.reasons().await, ["birth-date-differs"]);
        // The same question is asked once.
        house.hl7(ARAMINTA.registration("M2", "20260106093000")).await;
        assert_eq!(house.reasons().await.len(), 1);
    });
}

#[test]
fn a_number_that_fails_its_check_never_links() {
    on_each("check_digit", |house| async move {
        let number = "9990000019";
        house.hl7(Acute { number, ..ARAMINTA }.registration("M1", "20260105093000")).await;
        house.receive("gp-connect", gp_record(number, "1944-10-26").to_string()).await;
        assert_eq!(house.patients(number).await.len(), 2);
        assert_eq!(house.persons(number).await, 2);
    });
}

#[test]
fn two_rows_of_one_file_are_linked_too() {
    on_each("rows", |house| async move {
        let file = cld(&[["LA1", NUMBER, "26/10/1944"], ["LA2", NUMBER, "26/10/1944"], ["LA3", NUMBER, "01/01/1950"]]);
        let receipt = house.receive("social-care-cld", file).await;
        assert_eq!(receipt.quarantined, 0, "{:?}", receipt.issues);
        assert_eq!(house.persons(NUMBER).await, 2);
        assert_eq!(house.reasons().await, ["birth-date-differs", "birth-date-differs"]);
    });
}

#[test]
fn two_feeds_at_once_see_one_another() {
    on_each("race", |house| async move {
        let acute = house.hl7(ARAMINTA.registration("M1", "20260105093000"));
        let gp = house.receive("gp-connect", gp_record(NUMBER, "1944-10-26").to_string());
        let care = house.receive("social-care-cld", cld(&[["LA1", NUMBER, "26/10/1944"]]));
        tokio::join!(acute, gp, care);
        assert_eq!((house.patients(NUMBER).await.len(), house.persons(NUMBER).await), (3, 1));
    });
}

#[test]
fn two_processes_at_once_see_one_another() {
    on_each("processes", |house| async move {
        // Both have looked for the number before either is stored.
        house.hl7(Acute { record: "WT9", number: OTHER_NUMBER, ..ARAMINTA }.registration("M0", "20260105093000")).await;
        house.gate.shut();
        let (acute, gp) = (ARAMINTA.registration("M1", "20260105093000"), gp_record(NUMBER, "1944-10-26").to_string());
        let (one, other) = (Arc::clone(&house.ingest), Arc::clone(&house.other_ingest));
        let one = tokio::spawn(async move { one.receive("acute-hl7v2", acute.into(), Envelope::default()).await });
        let other = tokio::spawn(async move { other.receive("gp-connect", gp.into(), Envelope::default()).await });
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        house.gate.open();
        for sent in [one, other] {
            assert_eq!(sent.await.unwrap().unwrap().stored_messages, 1);
        }
        assert_eq!((house.patients(NUMBER).await.len(), house.persons(NUMBER).await), (2, 1));
        house.assert_whole().await;
    });
}

#[test]
fn a_merge_message_makes_one_person_and_can_be_undone() {
    on_each("merge", |house| async move {
        let loser = Acute { record: "WT2", number: OTHER_NUMBER, ..ARAMINTA };
        house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        house.hl7(loser.registration("M2", "20260105093000")).await;
        house.receive("gp-connect", gp_record(OTHER_NUMBER, "1944-10-26").to_string()).await;
        house.hl7(loser.result("R1", "20260105103000")).await;
        let result = house.find("Observation", "code", "718-7").await;
        let receipt = house.hl7(ARAMINTA.merge("M3", "20260107090000", "WT2")).await;
        assert_eq!(receipt.quarantined, 0, "{:?}", receipt.issues);
        let survivor = house.patients(NUMBER).await.remove(0);
        let losers = house.patients(OTHER_NUMBER).await;
        let replaced = losers.iter().find(|patient| patient["active"] == json!(false)).unwrap();
        let link = json!([{ "other": { "reference": format!("Patient/{}", id(&survivor)) }, "type": "replaced-by" }]);
        assert_eq!(replaced["link"], link);
        let person = house.store.person_of_patient(id(&survivor)).await.unwrap().unwrap();
        // The GP's Patient was of the loser's person and moves along.
        assert_eq!(house.store.patients_of_person(person).await.unwrap().len(), 3);
        assert_eq!(house.find("Observation", "code", "718-7").await, result);

        let event = house.store.last_person_event(id(replaced)).await.unwrap().unwrap();
        house.store.unmerge(event, "wrong patient").await.unwrap();
        assert_eq!(house.store.patients_of_person(person).await.unwrap(), [id(&survivor)]);
        // An undone merge is not made again by the next message.
        house.hl7(loser.registration("M4", "20260108093000")).await;
        assert_eq!(house.store.patients_of_person(person).await.unwrap(), [id(&survivor)]);
        house.assert_whole().await;
    });
}

#[test]
fn a_merge_in_a_circle_is_refused_until_the_first_is_undone() {
    on_each("circle", |house| async move {
        let of = |record: &'static str, number| Acute { record, number, ..ARAMINTA };
        let (x, y) = (of("WT2", OTHER_NUMBER), of("WT3", "9990000034"));
        for (control_id, patient) in [("M1", ARAMINTA), ("M2", x), ("M3", y)] {
            house.hl7(patient.registration(control_id, "20260105093000")).await;
        }
        let own = house.hl7(x.merge("M4", "20260106090000", "WT2")).await;
        assert_eq!((own.quarantined, own.refusals[0].code), (1, "mapping-refused"));
        assert_eq!(house.hl7(x.merge("M5", "20260106090000", "WT1")).await.stored_messages, 1);
        assert_eq!(house.hl7(y.merge("M6", "20260107090000", "WT2")).await.stored_messages, 1);
        let (first, last) = (house.patients(NUMBER).await.remove(0), house.patients("9990000034").await.remove(0));
        for (control_id, survivor, loser) in [("M7", ARAMINTA, "WT2"), ("M8", ARAMINTA, "WT3"), ("M9", x, "WT3")] {
            let receipt = house.hl7(survivor.merge(control_id, "20260108090000", loser)).await;
            assert_eq!((receipt.quarantined, receipt.refusals[0].code), (1, "merge-circle"), "{control_id}");
        }
        // Two PIDs of one message.
        let both = x.merge("M10", "20260109090000", "WT9") + "PID|2||WT9^^^RZ9^MR||ODDMENT\rMRG|WT2^^^RZ9^MR\r";
        assert_eq!(house.hl7(both).await.refusals[0].code, "merge-circle");
        assert_eq!(house.patients("9990000034").await.remove(0), last);
        // The same merge again is none; what was undone may be made the other way round, and one record stays in use.
        assert_eq!(house.hl7(y.merge("M11", "20260109090000", "WT2")).await.quarantined, 0);
        assert!(house.ingest.unmerge(id(&first), "the wrong way round").await.unwrap());
        let receipt = house.hl7(ARAMINTA.merge("M12", "20260110090000", "WT3")).await;
        assert_eq!(receipt.quarantined, 0, "{:?}", receipt.issues);
        let mut in_use = Vec::new();
        for number in [NUMBER, OTHER_NUMBER, "9990000034"] {
            in_use.push(house.patients(number).await[0]["active"] == json!(true));
        }
        assert_eq!(in_use, [false, true, false]);
        house.assert_whole().await;
    });
}

#[test]
fn a_merge_holds_for_a_record_that_comes_later() {
    on_each("later", |house| async move {
        let receipt = house.hl7(ARAMINTA.merge("M1", "20260107090000", "WT2")).await;
        assert_eq!(receipt.quarantined, 0, "{:?}", receipt.issues);
        assert!(receipt.issues.iter().any(|issue| issue.detail.as_deref() == Some("merged-record-unknown")));
        let loser = Acute { record: "WT2", number: OTHER_NUMBER, ..ARAMINTA };
        house.hl7(loser.registration("M2", "20260105093000")).await;
        let (survivor, loser) = (house.patients(NUMBER).await.remove(0), house.patients(OTHER_NUMBER).await.remove(0));
        let person = house.store.person_of_patient(id(&survivor)).await.unwrap();
        assert_eq!(house.store.person_of_patient(id(&loser)).await.unwrap(), person);
    });
}

#[test]
fn a_number_alone_goes_to_the_review_list() {
    on_each("alone", |house| async move {
        house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        let mut record = gp_record(NUMBER, "1944-10-26");
        record["entry"][1]["resource"].as_object_mut().unwrap().remove("birthDate");
        house.receive("gp-connect", record.to_string()).await;
        assert_eq!((house.patients(NUMBER).await.len(), house.persons(NUMBER).await), (2, 2));
        assert_eq!(house.reasons().await, ["birth-date-not-known"]);
    });
}

#[test]
fn a_number_verified_on_both_sides_links_without_a_birth_date() {
    on_each("verified", |house| async move {
        // PID-32: the number is present and verified.
        let verified =
            |message: String, status: &str| message.replace("|2\r", &format!("|2{}{status}\r", "|".repeat(24)));
        let other = Acute { record: "WT2", birth_date: "", ..ARAMINTA };
        house.hl7(verified(ARAMINTA.registration("M1", "20260105093000"), "NSTS01")).await;
        house.hl7(verified(other.registration("M2", "20260105093000"), "NSTS02")).await;
        assert_eq!((house.patients(NUMBER).await.len(), house.persons(NUMBER).await), (2, 2));
        house.hl7(verified(other.registration("M3", "20260106093000"), "NSTS01")).await;
        assert_eq!((house.patients(NUMBER).await.len(), house.persons(NUMBER).await), (2, 1));
        assert_eq!(house.reasons().await, ["birth-date-not-known"]);
    });
}

#[test]
fn an_nhs_number_names_no_record_of_a_trust() {
    on_each("no_record", |house| async move {
        let nobody = Acute { record: "", ..ARAMINTA };
        house.hl7(nobody.result("R1", "20260105093000")).await;
        house.hl7(nobody.result("R2", "20260105093000")).await;
        assert_eq!(house.patients(NUMBER).await.len(), 1);
        let other = Acute { birth_date: "19441027", ..nobody };
        house.hl7(other.result("R3", "20260105093000")).await;
        assert_eq!((house.patients(NUMBER).await.len(), house.persons(NUMBER).await), (2, 2));
        assert_eq!(house.reasons().await, ["birth-date-differs"]);
        // A number that fails its check is of nobody: each message tells of somebody else.
        let wrong = Acute { number: "9990000019", ..nobody };
        house.hl7(wrong.result("R4", "20260105093000")).await;
        house.hl7(wrong.result("R5", "20260105093000")).await;
        assert_eq!((house.patients("9990000019").await.len(), house.persons("9990000019").await), (2, 2));
    });
}

#[test]
fn a_corrected_number_is_stored_and_a_link_that_it_belies_is_asked_about() {
    on_each("corrected", |house| async move {
        house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        house.receive("gp-connect", gp_record(NUMBER, "1944-10-26").to_string()).await;
        assert_eq!(house.persons(NUMBER).await, 1);
        let receipt = house.hl7(Acute { number: OTHER_NUMBER, ..ARAMINTA }.registration("M2", "20260106093000")).await;
        assert_eq!(receipt.stored_messages, 1, "{:?}", receipt.issues);
        assert_eq!((house.patients(NUMBER).await.len(), house.patients(OTHER_NUMBER).await.len()), (1, 1));
        assert_eq!(house.reasons().await, ["nhs-number-changed"]);
    });
}
