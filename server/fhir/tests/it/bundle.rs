//! Bundles joined from bytes.

use fhir::{BundleEntry, BundleWriter, EntryResponse, Instant, Json};
use serde_json::json;

#[test]
fn bundle_keeps_the_bytes_of_its_resources() {
    let mut writer = BundleWriter::new("searchset").total(2).link("self", "http://x/Patient?name=\"a\"");
    let resource = br#"{"resourceType":"Observation","valueQuantity":{"value":1.500}}"#;
    writer.entry(&BundleEntry {
        full_url: Some("http://x/Observation/1"),
        resource: Some(resource),
        search_mode: Some("match"),
        ..BundleEntry::default()
    });
    writer.entry(&BundleEntry {
        request: Some(("DELETE", "Patient/1")),
        response: Some(EntryResponse {
            status: "204 No Content",
            last_modified: Some(Instant(0)),
            ..EntryResponse::default()
        }),
        ..BundleEntry::default()
    });
    let bytes = writer.finish();
    assert!(bytes.windows(resource.len()).any(|window| window == resource));
    assert_eq!(
        Json::parse(&bytes).expect("valid").root().to_value(),
        serde_json::from_str::<serde_json::Value>(
            &json!({"resourceType": "Bundle", "type": "searchset", "total": 2,
            "link": [{"relation": "self", "url": "http://x/Patient?name=\"a\""}],
            "entry": [
                {"fullUrl": "http://x/Observation/1", "resource": "HERE", "search": {"mode": "match"}},
                {"request": {"method": "DELETE", "url": "Patient/1"},
                 "response": {"status": "204 No Content", "lastModified": "1970-01-01T00:00:00.000Z"}},
            ]})
            .to_string()
            .replace("\"HERE\"", std::str::from_utf8(resource).expect("text"))
        )
        .expect("valid")
    );
}

#[test]
fn empty_bundle_has_its_links() {
    let bytes = BundleWriter::new("searchset").total(0).link("self", "u").finish();
    assert_eq!(
        String::from_utf8(bytes).expect("text"),
        r#"{"resourceType":"Bundle","type":"searchset","total":0,"link":[{"relation":"self","url":"u"}]}"#
    );
}
