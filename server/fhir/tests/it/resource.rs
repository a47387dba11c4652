//! Edits by bytes: what is stamped and rewritten, and that the rest stays as it was.

use fhir::{Instant, Json, resource};

fn stamped(text: &str) -> String {
    let json = Json::parse(text.as_bytes()).expect("valid");
    String::from_utf8(resource::stamp(&json, "p1", 7, Instant(0))).expect("text")
}

const META: &str = r#""meta":{"versionId":"7","lastUpdated":"1970-01-01T00:00:00.000Z"}"#;

#[test]
fn stamp_writes_id_and_meta_where_they_are_missing() {
    let check = |text: &str, expected: String| assert_eq!(stamped(text), expected);
    check(r#"{"resourceType":"Patient"}"#, format!(r#"{{"resourceType":"Patient","id":"p1",{META}}}"#));
    check(
        "{\n  \"resourceType\": \"Patient\",\n  \"active\": true\n}\n",
        format!("{{\n  \"resourceType\": \"Patient\",\"id\":\"p1\",{META},\n  \"active\": true\n}}\n"),
    );
    check(
        r#"{"active":true,"resourceType":"Patient"}"#,
        format!(r#"{{"id":"p1",{META},"active":true,"resourceType":"Patient"}}"#),
    );
    check("{}", format!(r#"{{"id":"p1",{META}}}"#));
}

#[test]
fn stamp_replaces_what_is_there_and_nothing_else() {
    let check = |text: &str, expected: &str| assert_eq!(stamped(text), expected);
    check(
        r#"{"resourceType":"Observation", "id" : "old", "valueQuantity":{"value":1.500}, "meta":{"profile":["u"], "versionId":"2", "lastUpdated":"x"}}"#,
        r#"{"resourceType":"Observation", "id" : "p1", "valueQuantity":{"value":1.500}, "meta":{"profile":["u"], "versionId":"7", "lastUpdated":"1970-01-01T00:00:00.000Z"}}"#,
    );
    check(
        r#"{"id":"old","resourceType":"Patient","meta":{ "tag":[] }}"#,
        r#"{"id":"p1","resourceType":"Patient","meta":{"versionId":"7","lastUpdated":"1970-01-01T00:00:00.000Z", "tag":[] }}"#,
    );
    check(
        r#"{"resourceType":"Patient","meta":{},"contained":[{"resourceType":"Patient","id":"c","meta":{"versionId":"1"}}]}"#,
        r#"{"resourceType":"Patient","id":"p1","meta":{"versionId":"7","lastUpdated":"1970-01-01T00:00:00.000Z"},"contained":[{"resourceType":"Patient","id":"c","meta":{"versionId":"1"}}]}"#,
    );
}

#[test]
fn references_are_rewritten_wherever_they_stand() {
    let text = r#"{"resourceType":"Observation","subject":{"reference":"urn:uuid:1","display":"urn:uuid:1"},
        "extension":[{"url":"u","valueReference":{"reference":"urn:uuid:1"}}],
        "contained":[{"resourceType":"Group","member":[{"entity":{"reference":"Patient/2"}}]}],"note":[{"text":"urn:uuid:1"}]}"#;
    let json = Json::parse(text.as_bytes()).expect("valid");
    let out =
        resource::rewrite_references(&json, |reference| (reference == "urn:uuid:1").then(|| "Patient/9".to_owned()));
    let expected = text.replace(r#""reference":"urn:uuid:1""#, r#""reference":"Patient/9""#);
    assert_eq!(String::from_utf8(out.expect("rewritten")).expect("text"), expected);
    assert_eq!(resource::references(&json).len(), 3);
    assert_eq!(resource::rewrite_references(&json, |_| None), None);
}
