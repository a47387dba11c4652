//! NHS numbers: which pass, and that they do not show.

use fhir::{NhsNumber, NhsNumberError};

#[test]
fn check_digit_decides() {
    let check = |text: &str, expected: Result<&str, NhsNumberError>| {
        let parsed = NhsNumber::parse(text);
        assert_eq!(parsed.as_ref().map(NhsNumber::as_str).map_err(|error| *error), expected, "{text}");
    };
    check("9990000018", Ok("9990000018"));
    check("999 000 0018", Ok("9990000018"));
    check("999-000-0018", Ok("9990000018"));
    check("9990000017", Err(NhsNumberError::CheckDigit));
    check("9912003890", Err(NhsNumberError::CheckDigit));
    check("1234567890", Err(NhsNumberError::CheckDigit));
    check("999000001", Err(NhsNumberError::Length));
    check("", Err(NhsNumberError::Length));
    check("99900000l8", Err(NhsNumberError::Character));
    check("９９９００００００１", Err(NhsNumberError::Character));
    check("9999999999", Err(NhsNumberError::Placeholder));
    check("0000000000", Err(NhsNumberError::Placeholder));
}

#[test]
fn number_does_not_show() {
    let number = NhsNumber::parse("9990000018").expect("valid");
    assert!(number.is_test_range());
    assert_eq!(format!("{number:?}"), "NhsNumber(..)");
}
