//! London's wall time, on ordinary days and on those when the clocks change.

use fhir::{FhirDate, Instant, london};

#[test]
fn wall_time_gets_the_offset_of_its_day() {
    let check = |text: &str, expected: &str| {
        let date = FhirDate::parse(text).expect(text);
        assert_eq!(london::date_time(&date).as_deref(), Some(expected), "{text}");
    };
    check("2026-01-31T10:30:00", "2026-01-31T10:30:00+00:00");
    check("2026-07-01T10:30", "2026-07-01T10:30:00+01:00");
    check("2026-07-01T10:30:00.25", "2026-07-01T10:30:00.250+01:00");
    check("2026-07-01", "2026-07-01");
    check("1950", "1950");
    // The hour that comes twice, and the hour that does not come.
    check("2026-10-25T01:30:00", "2026-10-25T01:30:00+01:00");
    check("2026-03-29T01:30:00", "2026-03-29T02:30:00+01:00");
    // Standard time was an hour ahead all year from 1968 to 1971.
    check("1970-01-01T00:00:00", "1970-01-01T00:00:00+01:00");
}

#[test]
fn moment_is_read_on_londons_clock() {
    let date = FhirDate::parse("2026-07-01T10:30").expect("a date");
    assert_eq!(london::instant(&date).map(Instant::to_fhir).as_deref(), Some("2026-07-01T09:30:00.000Z"));
    assert_eq!(london::wall_clock(Instant(1_782_898_200_000)), "2026-07-01 10:30");
    assert_eq!(london::instant(&FhirDate::parse("2026-07-01T10:30:00Z").expect("a date")), None);
}
