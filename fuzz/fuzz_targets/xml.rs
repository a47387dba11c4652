//! Feeds the XML reader: what it takes is JSON, and can be written as XML again.

#![no_main]

use fhir::Json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(json) = fhir::json_from_xml(text) else { return };
    assert!(Json::parse(json.as_bytes()).is_ok(), "what was read is JSON");
    let _ = fhir::xml_from_json(&json);
});
