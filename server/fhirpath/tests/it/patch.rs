//! FHIRPath Patch: each operation, what it refuses, and what stays as it was sent.

use definitions::Definitions;
use fhir::Json;
use fhirpath::apply_patch;
use serde_json::{Value, json};
use std::sync::OnceLock;

fn definitions() -> &'static Definitions {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    DEFINITIONS.get_or_init(|| Definitions::r4().unwrap())
}

/// An operation; a value is a part with its `value[x]`.
fn operation(kind: &str, path: &str, more: &[Value]) -> Value {
    let mut parts = vec![json!({"name": "type", "valueCode": kind}), json!({"name": "path", "valueString": path})];
    parts.extend(more.iter().cloned());
    json!({"name": "operation", "part": parts})
}

fn name(text: &str) -> Value {
    json!({"name": "name", "valueString": text})
}

fn at(part: &str, index: i32) -> Value {
    json!({"name": part, "valueInteger": index})
}

fn value(key: &str, value: Value) -> Value {
    json!({"name": "value", key: value})
}

#[track_caller]
fn check(resource: &str, operations: &[Value], expected: Result<&str, &str>) {
    let parameters = Json::from_value(&json!({"resourceType": "Parameters", "parameter": operations}));
    let found = apply_patch(&Json::parse(resource.as_bytes()).unwrap(), &parameters, definitions());
    let found = found.as_ref().map(Json::text).map_err(ToString::to_string);
    assert_eq!(found.as_ref().map(|text| *text).map_err(String::as_str), expected);
}

#[test]
fn an_empty_patch_changes_nothing() {
    check(r#"{"resourceType":"Patient"}"#, &[], Ok(r#"{"resourceType":"Patient"}"#));
}

#[test]
fn add_appends_to_a_list_or_sets_what_is_not_there() {
    let patient = r#"{"resourceType":"Patient"}"#;
    let birth = value("valueDate", json!("1930-01-01"));
    let born = r#"{"resourceType":"Patient","birthDate":"1930-01-01"}"#;
    check(patient, &[operation("add", "Patient", &[name("birthDate"), birth.clone()])], Ok(born));
    let there = "operation 0: the element is there already, and there can be one only; use `replace`";
    check(born, &[operation("add", "Patient", &[name("birthDate"), birth.clone()])], Err(there));
    let married = value("valueCodeableConcept", json!({"text": "married"}));
    check(
        patient,
        &[operation("add", "Patient", &[name("maritalStatus"), married])],
        Ok(r#"{"resourceType":"Patient","maritalStatus":{"text":"married"}}"#),
    );
    let dead = operation("add", "Patient", &[name("deceased"), value("valueBoolean", json!(true))]);
    check(patient, std::slice::from_ref(&dead), Ok(r#"{"resourceType":"Patient","deceasedBoolean":true}"#));
    check(r#"{"resourceType":"Patient","deceasedDateTime":"2020"}"#, &[dead], Err(there));
    let given = |text: &str| operation("add", "Patient.name[0]", &[name("given"), value("valueString", json!(text))]);
    check(
        r#"{"resourceType":"Patient","name":[{"family":"A"}]}"#,
        &[given("B"), given("C")],
        Ok(r#"{"resourceType":"Patient","name":[{"family":"A","given":["B","C"]}]}"#),
    );
    check(patient, &[given("B")], Err("operation 0: the path finds nothing"));
    check(
        patient,
        &[operation("add", "Patient", &[name("nonsense"), birth])],
        Err("operation 0: `nonsense` is no element there"),
    );
}

#[test]
fn a_type_without_a_name_is_given_in_parts() {
    let contact = json!({"name": "value", "part": [
        {"name": "name", "valueHumanName": {"text": "a name"}},
        {"name": "telecom", "valueContactPoint": {"value": "1"}},
        {"name": "telecom", "valueContactPoint": {"value": "2"}},
    ]});
    check(
        r#"{"resourceType":"Patient"}"#,
        &[operation("add", "Patient", &[name("contact"), contact])],
        Ok(
            r#"{"resourceType":"Patient","contact":[{"name":{"text":"a name"},"telecom":[{"value":"1"},{"value":"2"}]}]}"#,
        ),
    );
    let component = json!({"name": "value", "part": [
        {"name": "code", "valueCodeableConcept": {"text": "c"}},
        {"name": "value", "valueQuantity": {"unit": "mg"}},
    ]});
    check(
        r#"{"resourceType":"Observation"}"#,
        &[operation("add", "Observation", &[name("component"), component])],
        Ok(r#"{"resourceType":"Observation","component":[{"code":{"text":"c"},"valueQuantity":{"unit":"mg"}}]}"#),
    );
    let odd = json!({"name": "value", "part": [{"name": "nonsense", "valueString": "x"}]});
    check(
        r#"{"resourceType":"Patient"}"#,
        &[operation("add", "Patient", &[name("contact"), odd])],
        Err("operation 0: `nonsense` is no element there"),
    );
}

#[test]
fn replace_puts_one_value_in_the_place_of_another() {
    let replace = |path: &str, key: &str, new: Value| operation("replace", path, &[value(key, new)]);
    check(
        r#"{"resourceType":"Patient","birthDate":"1920-01-01","_birthDate":{"id":"a"},"active":true}"#,
        &[replace("Patient.birthDate", "valueDate", json!("1930-01-01"))],
        Ok(r#"{"resourceType":"Patient","birthDate":"1930-01-01","active":true}"#),
    );
    check(
        r#"{"resourceType":"Patient","identifier":[{"value":"1"},{"value":"2"}]}"#,
        &[
            replace("Patient.identifier[0].value", "valueString", json!("2")),
            replace("Patient.identifier.where(value = '2')[1].value", "valueString", json!("1")),
        ],
        Ok(r#"{"resourceType":"Patient","identifier":[{"value":"2"},{"value":"1"}]}"#),
    );
    // A choice takes the name of its new type.
    check(
        r#"{"resourceType":"Observation","valueQuantity":{"value":6.100}}"#,
        &[replace("Observation.value", "valueString", json!("high"))],
        Ok(r#"{"resourceType":"Observation","valueString":"high"}"#),
    );
    check(
        r#"{"resourceType":"Patient"}"#,
        &[replace("Patient.birthDate", "valueDate", json!("1930"))],
        Err("operation 0: the path finds nothing"),
    );
    check(
        r#"{"resourceType":"Patient","identifier":[{"value":"1"},{"value":"2"}]}"#,
        &[replace("Patient.identifier.value", "valueString", json!("2"))],
        Err("operation 0: the path finds more than one element"),
    );
    check(
        r#"{"resourceType":"Patient","id":"a"}"#,
        &[replace("Patient.id", "valueString", json!("b"))],
        Err("operation 0: the id of the resource cannot be patched"),
    );
    check(
        r#"{"resourceType":"Patient","id":"a"}"#,
        &[replace("Patient", "valueString", json!("b"))],
        Err("operation 0: the path names the resource itself"),
    );
}

#[test]
fn delete_takes_away_one_element_and_what_it_leaves_empty() {
    let delete = |path: &str| operation("delete", path, &[]);
    check(
        r#"{"resourceType":"Patient","birthDate":"1920","_birthDate":{"id":"a"}}"#,
        &[delete("Patient.birthDate")],
        Ok(r#"{"resourceType":"Patient"}"#),
    );
    check(r#"{"resourceType":"Patient"}"#, &[delete("Patient.birthDate")], Ok(r#"{"resourceType":"Patient"}"#));
    check(
        r#"{"resourceType":"Patient","contact":[{"name":{"text":"a"},"gender":"male"}]}"#,
        &[delete("Patient.contact[0].name.text")],
        Ok(r#"{"resourceType":"Patient","contact":[{"gender":"male"}]}"#),
    );
    check(
        r#"{"resourceType":"Patient","contact":[{"name":{"text":"a"}}]}"#,
        &[delete("Patient.contact[0].name.text")],
        Ok(r#"{"resourceType":"Patient"}"#),
    );
    check(
        r#"{"resourceType":"Patient","name":[{"given":["a","b","c"],"_given":[null,{"id":"b"},null]}]}"#,
        &[delete("Patient.name[0].given[0]")],
        Ok(r#"{"resourceType":"Patient","name":[{"given":["b","c"],"_given":[{"id":"b"},null]}]}"#),
    );
    check(
        r#"{"resourceType":"Patient","name":[{"given":["a","b"]}]}"#,
        &[delete("Patient.name.given")],
        Err("operation 0: the path finds more than one element"),
    );
}

#[test]
fn items_are_inserted_and_moved_within_one_list() {
    let list = r#"{"resourceType":"Patient","identifier":[{"value":"1"},{"value":"2"},{"value":"3"}]}"#;
    let insert = |index: i32| {
        operation(
            "insert",
            "Patient.identifier",
            &[at("index", index), value("valueIdentifier", json!({"value": "n"}))],
        )
    };
    let shift =
        |from: i32, to: i32| operation("move", "Patient.identifier", &[at("source", from), at("destination", to)]);
    let expected = |order: &str| {
        let items: Vec<String> = order.chars().map(|value| format!(r#"{{"value":"{value}"}}"#)).collect();
        format!(r#"{{"resourceType":"Patient","identifier":[{}]}}"#, items.join(","))
    };
    check(list, &[insert(0)], Ok(&expected("n123")));
    check(list, &[insert(3)], Ok(&expected("123n")));
    check(list, &[insert(4)], Err("operation 0: an index is beyond the end of the list"));
    check(list, &[insert(-1)], Err("operation 0 needs a valid `index`"));
    check(list, &[shift(0, 2)], Ok(&expected("231")));
    check(list, &[shift(2, 0), shift(0, 1)], Ok(&expected("132")));
    check(list, &[shift(3, 0)], Err("operation 0: an index is beyond the end of the list"));
    let part = operation("move", "Patient.identifier.where(value != '2')", &[at("source", 0), at("destination", 1)]);
    check(list, &[part], Err("operation 0: the path does not name one whole list"));
    let single =
        operation("insert", "Patient.identifier[0].value", &[at("index", 0), value("valueString", json!("x"))]);
    check(list, &[single], Err("operation 0: the path does not name one whole list"));
}

#[test]
fn elements_of_contained_resources_and_extensions_are_reached() {
    check(
        r#"{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p","gender":"male"}]}"#,
        &[operation("replace", "Observation.contained[0].gender", &[value("valueCode", json!("female"))])],
        Ok(r#"{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p","gender":"female"}]}"#),
    );
    check(
        r#"{"resourceType":"Patient","birthDate":"1920","_birthDate":{"extension":[{"url":"urn:a","valueString":"x"}]}}"#,
        &[operation("replace", "Patient.birthDate.extension('urn:a').value", &[value("valueString", json!("y"))])],
        Ok(
            r#"{"resourceType":"Patient","birthDate":"1920","_birthDate":{"extension":[{"url":"urn:a","valueString":"y"}]}}"#,
        ),
    );
}

#[test]
fn what_is_no_patch_is_refused() {
    let patient = r#"{"resourceType":"Patient","birthDate":"1920"}"#;
    check(patient, &[json!({"name": "other"})], Err("operation 0 needs a valid `name`"));
    check(patient, &[operation("spam", "Patient", &[])], Err("operation 0 needs a valid `type`"));
    check(
        patient,
        &[operation("delete", "Patient.", &[])],
        Err("operation 0: the path is not understood: offset 8: expected a name"),
    );
    check(patient, &[operation("replace", "Patient.birthDate", &[])], Err("operation 0 needs a valid `value`"));
    check(
        patient,
        &[operation("replace", "Patient.birthDate.toString()", &[value("valueDate", json!("1"))])],
        Err("operation 0: the path gives values, not elements"),
    );
    check(patient, &vec![operation("delete", "Patient.photo", &[]); 501], Err("the patch has too many operations"));
    let found = apply_patch(&Json::parse(patient.as_bytes()).unwrap(), &Json::parse(b"{}").unwrap(), definitions());
    assert_eq!(found.err().unwrap().to_string(), "a FHIRPath Patch is a Parameters resource");
}
