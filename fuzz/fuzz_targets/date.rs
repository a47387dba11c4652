//! Feeds the date parser: what is read spans some time.

#![no_main]

use fhir::FhirDate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(date) = FhirDate::parse(text) {
        let (start, end) = date.range();
        assert!(start.0 <= end.0, "a date ends before it starts");
    }
});
