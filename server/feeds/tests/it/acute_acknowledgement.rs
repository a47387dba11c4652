//! Acknowledgements of the acute feed.

use feeds::MapError;
use feeds::acute::{AckCode, AckError, acknowledge};
use fhir::Instant;
use proptest::prelude::{any, prop, proptest};

const NOW: Instant = Instant(1_767_605_400_000);

fn check(message: &str, code: AckCode, errors: &[AckError], expected: &str) {
    let answer = acknowledge(message.as_bytes(), code, errors, NOW, "ACK-9");
    assert_eq!(String::from_utf8(answer).unwrap(), expected);
}

#[test]
fn sender_and_receiver_change_places() {
    check(
        "MSH|^~\\&|EPIC|RZ9|WEIR|RZ8|20260105||ADT^A01^ADT_A01|ID-1|P|2.4|||AL|NE|GBR|UNICODE UTF-8\rPID|1",
        AckCode::AA,
        &[],
        "MSH|^~\\&|WEIR|RZ8|EPIC|RZ9|20260105093000+0000||ACK^A01^ACK|ACK-9|P|2.4|||||GBR|UNICODE UTF-8\rMSA|AA|ID-1\r",
    );
}

#[test]
fn reasons_have_the_form_of_the_version() {
    let error = AckError::from(&MapError::missing("PID-3", "a patient identifier"));
    check(
        "MSH|^~\\&|EPIC|RZ9|||20260105||ADT^A01|ID-1|P|2.3",
        AckCode::AE,
        std::slice::from_ref(&error),
        "MSH|^~\\&|||EPIC|RZ9|20260105093000+0000||ACK^A01|ACK-9|P|2.3\r\
         MSA|AE|ID-1|PID-3: a patient identifier is required\r\
         ERR|PID^1^3^101&Required field missing&HL70357\r",
    );
    check(
        "MSH|^~\\&|EPIC|RZ9|||20260105||ORU^R01^ORU_R01|ID-1|P|2.5.1",
        AckCode::AE,
        &[error],
        "MSH|^~\\&|||EPIC|RZ9|20260105093000+0000||ACK^R01^ACK|ACK-9|P|2.5.1\r\
         MSA|AE|ID-1\r\
         ERR||PID^1^3|101^Required field missing^HL70357|E||||PID-3: a patient identifier is required\r",
    );
}

#[test]
fn broken_header_is_answered_all_the_same() {
    let error = AckError::from(&MapError::malformed("MSH-1", "no field separator"));
    check(
        "nonsense",
        AckCode::AR,
        &[error],
        "MSH|^~\\&|||||20260105093000+0000||ACK|ACK-9|P|2.4\rMSA|AR||MSH-1: no field separator\r\
         ERR|MSH^1^1^102&Data type error&HL70357\r",
    );
}

#[test]
fn words_cannot_break_out_of_their_field() {
    let error = AckError { segment: String::new(), field: None, code: 207, text: "a|b^c\rd".to_owned() };
    check(
        "MSH|^~\\&|EPIC||||20260105||ADT^A01|ID-1|P|2.4",
        AckCode::AE,
        &[error],
        "MSH|^~\\&|||EPIC||20260105093000+0000||ACK^A01^ACK|ACK-9|P|2.4\rMSA|AE|ID-1|a\\F\\b\\S\\c d\r\
         ERR|^^^207&Application internal error&HL70357\r",
    );
}

proptest! {
    #[test]
    fn every_message_can_be_answered(mut bytes in prop::collection::vec(any::<u8>(), 0..200), is_hl7: bool) {
        if is_hl7 {
            bytes.splice(0..0, *b"MSH|^");
        }
        let answer = acknowledge(&bytes, AckCode::AR, &[], NOW, "ACK-9");
        assert!(answer.starts_with(b"MSH"));
        assert_eq!(answer.iter().filter(|byte| **byte == b'\r').count(), 2);
    }
}
