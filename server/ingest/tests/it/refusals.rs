//! Input that nobody should send: it is kept with its reason, and never stops what follows.

use ingest::{MessageOutcome, Receipt};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{MessageFilter, MessageKey};

use crate::support::{ARAMINTA, Acute, NUMBER, OTHER_NUMBER, cld, gp_record, id, on_each};

/// The code and the place of the first reason.
fn reason(receipt: &Receipt) -> (&str, &str) {
    let refused = &receipt.refusals[0];
    (refused.code, refused.issues[0].expression.as_deref().unwrap_or_default())
}

#[test]
fn messages_that_cannot_be_mapped_are_kept_with_their_reason() {
    on_each("refused_hl7", |house| async move {
        let good = ARAMINTA.registration("M1", "20260105093000");
        let cases = [
            (good.replace("ADT^A28", "SIU^S12"), "message-unsupported", "MSH-9", "SIU^S12"),
            (good.replace("ADT^A28", "ADT^A19"), "message-unsupported", "MSH-9", "ADT^A19"),
            (good.replace("|M1|", "||"), "message-incomplete", "MSH-10", "ADT^A28"),
            (good.replace("|2.4|", "|3.1|"), "message-malformed", "MSH-12", "ADT^A28"),
            (good.split('\r').take(2).collect::<Vec<_>>().join("\r"), "message-incomplete", "PID", "ADT^A28"),
            ("hello".to_owned(), "message-malformed", "MSH", "no message"),
            (String::new(), "message-malformed", "MSH", "no message"),
        ];
        for (number, (message, code, place, kind)) in cases.iter().enumerate() {
            let receipt = house.hl7(message.clone()).await;
            assert_eq!(reason(&receipt), (*code, *place), "{message}");
            assert_eq!(receipt.each[0].outcome, MessageOutcome::Quarantined);
            assert_eq!(receipt.units.get(*kind).map(|counts| counts.quarantined), Some(1), "{:?}", receipt.units);
            let kept = house.store.messages(&MessageFilter::default(), MessageKey(0), 100).await.unwrap();
            assert_eq!((kept.len(), kept[number].code.as_deref()), (number + 1, Some(*code)));
            let (_, bytes) = house.store.message(kept[number].key).await.unwrap().unwrap();
            assert_eq!(bytes, message.trim_end().as_bytes());
        }
        assert_eq!(house.patients(NUMBER).await.len(), 0);
        assert_eq!(house.hl7(good).await.stored_messages, 1);
        house.assert_whole().await;
    });
}

#[test]
fn a_bare_number_of_a_sender_without_a_name_overwrites_nobody() {
    on_each("refused_sender", |house| async move {
        let bare = |message: String| message.replace("|EPIC|RZ9|", "|||").replace("^^^RZ9^MR", "");
        let other = Acute { family: "ODDMENT", number: OTHER_NUMBER, birth_date: "", ..ARAMINTA };
        house.hl7(bare(ARAMINTA.registration("M1", "20260105093000"))).await;
        let sent = bare(other.registration("M2", "20260106093000")).replace("9990000026^^^NHS^NH~", "");
        assert_eq!(reason(&house.hl7(sent).await), ("message-incomplete", "PID-3"));
        assert_eq!(house.find("Patient", "_count", "10").await.len(), 1);
        assert_eq!(house.patients(NUMBER).await[0]["name"][0]["family"], "QUILLFEATHER");
        house.assert_whole().await;
    });
}

#[test]
fn a_nul_in_a_text_stops_nothing() {
    on_each("refused_nul", |house| async move {
        for message in [
            Acute { family: "QUILL\0FEATHER", ..ARAMINTA }.registration("M1", "20260105093000"),
            ARAMINTA.registration("M\0", "20260105093000"),
            ARAMINTA.registration("M2", "20260105093000").replace("EPIC", "EP\0IC"),
        ] {
            let receipt = house.hl7(message).await;
            assert_eq!((receipt.messages, receipt.quarantined), (1, 1), "{:?}", receipt.issues);
        }
        for code in [json!({ "text": "Wei\0ght" }), json!({ "coding": [{ "code": "2\u{0}7" }], "text": "Weight" })] {
            let mut record = gp_record(NUMBER, "1944-10-26");
            record["entry"][2]["resource"]["code"] = code;
            record["id"] = json!("rec\0ord");
            let receipt = house.receive("gp-connect", record.to_string()).await;
            assert_eq!((receipt.quarantined, receipt.total().stored), (1, 2), "{:?}", receipt.issues);
        }
        let file = cld(&[["LA\0", NUMBER, "26/10/1944"], ["LA2", OTHER_NUMBER, "26/10/1944"]]);
        let receipt = house.receive("social-care-cld", file).await;
        assert_eq!((receipt.quarantined, receipt.total().stored), (1, 1), "{:?}", receipt.issues);
        assert_eq!(house.hl7(ARAMINTA.registration("M3", "20260105093000")).await.stored_messages, 1);
        house.assert_whole().await;
    });
}

#[test]
fn one_broken_message_of_a_batch_takes_no_other_along() {
    on_each("refused_batch", |house| async move {
        let other = Acute { record: "WT2", number: OTHER_NUMBER, ..ARAMINTA };
        let batch = format!(
            "FHS|^~\\&\rBHS|^~\\&\r{}{}{}BTS|3\rFTS|1\r",
            ARAMINTA.registration("M1", "20260105093000"),
            ARAMINTA.registration("M2", "20260105093000").replace("A28", "A19"),
            other.registration("M3", "20260105093000"),
        );
        let receipt = house.hl7(batch).await;
        let outcomes: Vec<MessageOutcome> = receipt.each.iter().map(|one| one.outcome).collect();
        assert_eq!(outcomes, [MessageOutcome::Stored, MessageOutcome::Quarantined, MessageOutcome::Stored]);
        let total = receipt.total();
        assert_eq!((total.received, total.stored, total.quarantined), (3, 2, 1));
    });
}

#[test]
fn rows_that_are_alike_are_refused_each() {
    on_each("refused_rows", |house| async move {
        // The same row twice, of another council than the rows before it.
        let file = cld(&[["LA1", NUMBER, "26/10/1944"], ["LA2", OTHER_NUMBER, "26/10/1944"]]);
        let mut lines: Vec<String> = file.lines().map(str::to_owned).collect();
        let foreign = lines[2].replacen("716", "717", 1);
        lines.extend([foreign.clone(), foreign]);
        let text = lines.join("\n");
        let receipt = house.receive("social-care-cld", text.clone()).await;
        let total = receipt.total();
        assert_eq!((total.received, total.stored, total.quarantined), (4, 2, 2), "{:?}", receipt.issues);
        let units = house.store.quarantined_units(None).await.unwrap();
        assert_eq!(units.iter().map(|(_, unit)| unit.unit.as_str()).collect::<Vec<_>>(), ["line-4", "line-5"]);
        // The file again is known, and what waits still waits.
        let again = house.receive("social-care-cld", text).await;
        let total = again.total();
        assert_eq!((again.duplicates, total.duplicates, total.quarantined), (1, 2, 2));
    });
}

#[test]
fn a_record_whose_patient_is_refused_stores_nothing_about_the_patient() {
    on_each("refused_patient", |house| async move {
        let mut record = gp_record(NUMBER, "1944-10-26");
        record["entry"][1]["resource"]["birthDate"] = json!("1944-13-26");
        let receipt = house.receive("gp-connect", record.to_string()).await;
        assert_eq!(receipt.stored.get("Organization"), Some(&1), "{:?}", receipt.issues);
        assert_eq!((receipt.stored.get("Patient"), receipt.stored.get("Observation")), (None, None));
        assert_eq!((receipt.units["Patient"].quarantined, receipt.units["Observation"].quarantined), (1, 1));
        let codes: Vec<&str> = receipt.refusals.iter().map(|refused| refused.code).collect();
        assert_eq!(codes, ["resource-invalid", "patient-refused"]);
        let units = house.store.quarantined_units(None).await.unwrap();
        assert_eq!(units.iter().map(|(_, unit)| unit.unit.as_str()).collect::<Vec<_>>(), ["entry-1", "entry-2"]);
        house.assert_whole().await;
    });
}

#[test]
fn records_that_cannot_be_read_are_counted_by_what_they_hold() {
    on_each("refused_record", |house| async move {
        let no_practice = gp_record(NUMBER, "1944-10-26").to_string().replace("ods-organization-code", "other");
        let cases = [
            ("{\"resourceType\":".to_owned(), "record", 1, "message-malformed"),
            ("{\"resourceType\":\"Patient\"}".to_owned(), "record", 1, "message-malformed"),
            (no_practice, "Observation", 1, "message-incomplete"),
        ];
        for (text, kind, count, code) in cases {
            let receipt = house.receive("gp-connect", text).await;
            assert_eq!(receipt.units.get(kind).map(|counts| counts.quarantined), Some(count), "{:?}", receipt.units);
            assert_eq!(receipt.refusals[0].code, code);
        }
        let receipt = house.receive("social-care-cld", "LA Code,NHS Number\n716,1\n716,2\n").await;
        assert_eq!(receipt.units["row"].quarantined, 2);
        assert_eq!(house.receive("social-care-cld", "").await.units["file"].quarantined, 1);
    });
}

#[test]
fn provenance_names_the_message_that_is_kept() {
    on_each("named_message", |house| async move {
        let message = ARAMINTA.registration("M1", "20260105093000");
        house.hl7(message.clone()).await;
        let patient = house.patients(NUMBER).await.remove(0);
        let provenance = house.find("Provenance", "target", &format!("Patient/{}", id(&patient))).await.remove(0);
        let keys = house.store.messages_of_resource("Patient", id(&patient)).await.unwrap();
        let (_, bytes) = house.store.message(keys[0]).await.unwrap().unwrap();
        assert_eq!(bytes, message.trim_end().as_bytes());
        let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let named = &provenance["entity"][0]["what"]["identifier"];
        assert_eq!(named, &json!({ "system": "urn:weir:message", "value": sha256 }));
    });
}
