//! Dates: which exist, and the span of time each may mean.

use fhir::{FhirDate, Instant};

fn range(text: &str) -> Option<(String, String)> {
    let (start, end) = FhirDate::parse(text)?.range();
    Some((start.to_fhir(), end.to_fhir()))
}

#[test]
fn date_means_all_of_its_precision() {
    let check = |text: &str, start: &str, end: &str| {
        assert_eq!(range(text), Some((start.to_owned(), end.to_owned())), "{text}");
    };
    check("2024", "2024-01-01T00:00:00.000Z", "2024-12-31T23:59:59.999Z");
    check("2024-02", "2024-02-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z");
    check("2023-12", "2023-12-01T00:00:00.000Z", "2023-12-31T23:59:59.999Z");
    check("1899-12-31", "1899-12-31T00:00:00.000Z", "1899-12-31T23:59:59.999Z");
    check("2026-07-01T10:30", "2026-07-01T10:30:00.000Z", "2026-07-01T10:30:59.999Z");
    check("2026-07-01T10:30:00+01:00", "2026-07-01T09:30:00.000Z", "2026-07-01T09:30:00.999Z");
    check("2026-07-01T10:30:00.1234567-05:30", "2026-07-01T16:00:00.123Z", "2026-07-01T16:00:00.123Z");
    check("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z", "2017-01-01T00:00:00.999Z");
}

#[test]
fn what_is_no_date_is_refused() {
    for text in [
        "",
        "24",
        "0000",
        "2023-2",
        "2023-13",
        "2023-00",
        "2023-02-30",
        "2023-02-29",
        "2023-04-31",
        "2023-01-00",
        "2023-01-01T",
        "2023-01-01T10",
        "2023-01-01T24:00:00Z",
        "2023-01-01T10:60:00Z",
        "2023-01-01T10:00:61Z",
        "2023-01-01T10:00:00.Z",
        "2023-01-01T10:00:00+14:30",
        "2023-01-01T10:00:00+1:00",
        "2023-01-01 10:00",
        "2023-01-01Z",
        "2023-01-01T10:00:00Zx",
        "２０２３",
        "20230101",
        "-2023",
    ] {
        assert!(FhirDate::parse(text).is_none(), "{text}");
    }
}

#[test]
fn forms_of_the_types_are_told_apart() {
    let forms = |text: &str| {
        let date = FhirDate::parse(text).expect(text);
        (date.is_date(), date.is_date_time(), date.is_instant())
    };
    assert_eq!(forms("2024-02"), (true, true, false));
    assert_eq!(forms("2024-02-01T10:00:00Z"), (false, true, true));
    assert_eq!(forms("2024-02-01T10:00:00"), (false, false, false));
    assert_eq!(forms("2024-02-01T10:00"), (false, false, false));
}

#[test]
fn instant_is_read_and_written() {
    assert_eq!(
        Instant::parse_rfc3339("2026-01-31T10:00:00.5+01:00").map(Instant::to_fhir).as_deref(),
        Some("2026-01-31T09:00:00.500Z")
    );
    assert_eq!(Instant::parse_rfc3339("2026-01-31"), None);
    assert_eq!(Instant(-1).to_fhir(), "1969-12-31T23:59:59.999Z");
    assert_eq!(Instant(784_111_777_000).to_http(), "Sun, 06 Nov 1994 08:49:37 GMT");
}
