//! Labels added to a resource and taken from it; every other byte stays.

use fhir::{Json, meta};

const PATIENT: &str = r#"{"resourceType":"Patient", "meta":{"versionId":"1","tag":[{"system":"s","code":"a","display":"A"}]}, "active":true}"#;

fn check(edit: fn(&Json, &Json) -> Vec<u8>, text: &str, labels: &str, expected: &str) {
    let (json, labels) = (Json::parse(text.as_bytes()).expect("valid"), Json::parse(labels.as_bytes()).expect("valid"));
    assert_eq!(String::from_utf8(edit(&json, &labels)).expect("text"), expected);
}

fn add(json: &Json, labels: &Json) -> Vec<u8> {
    meta::add_labels(json, labels.root())
}

fn delete(json: &Json, labels: &Json) -> Vec<u8> {
    meta::delete_labels(json, labels.root())
}

#[test]
fn a_label_is_added_once_whatever_its_display_says() {
    check(add, PATIENT, r#"{"tag":[{"system":"s","code":"a","display":"B"}]}"#, PATIENT);
    check(
        add,
        PATIENT,
        r#"{"profile":["u","u"],"tag":[{"system":"t","code":"a"}]}"#,
        r#"{"resourceType":"Patient", "meta":{"versionId":"1","profile":["u"],"tag":[{"system":"s","code":"a","display":"A"},{"system":"t","code":"a"}]}, "active":true}"#,
    );
    check(
        add,
        r#"{"resourceType":"Patient"}"#,
        r#"{"security":[{"code":"R"}]}"#,
        r#"{"meta":{"security":[{"code":"R"}]},"resourceType":"Patient"}"#,
    );
}

#[test]
fn a_label_is_deleted_by_system_and_code_and_leaves_no_empty_list() {
    check(delete, PATIENT, r#"{"tag":[{"system":"other","code":"a"}],"profile":["none"]}"#, PATIENT);
    check(
        delete,
        PATIENT,
        r#"{"tag":[{"system":"s","code":"a"}]}"#,
        r#"{"resourceType":"Patient", "meta":{"versionId":"1"}, "active":true}"#,
    );
    check(
        delete,
        r#"{"resourceType":"Patient","meta":{"profile":["u","v"],"_profile":[null,{"id":"x"}]}}"#,
        r#"{"profile":["u"]}"#,
        r#"{"resourceType":"Patient","meta":{"profile":["v"]}}"#,
    );
}
