//! Composite parameters: the values of one element together.

use search::{IndexValue, index};
use serde_json::{Value, json};

use crate::{check_matches, json as document, registry};

fn rows(resource: Value, code: &str) -> Vec<Vec<IndexValue>> {
    let resource = document(resource);
    let param = registry().param(resource.resource_type().unwrap(), code).unwrap().id;
    let entries = index(&resource, registry()).into_iter().filter(|entry| entry.param == param);
    entries
        .map(|entry| match entry.value {
            IndexValue::Composite(values) => values,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn token(system: Option<&str>, code: &str) -> IndexValue {
    IndexValue::Token { system: system.map(Into::into), code: Some(code.into()) }
}

fn number(value: f64) -> IndexValue {
    IndexValue::Number { low: value, high: value }
}

fn pressure() -> Value {
    let part = |code: &str, value: i32| {
        json!({"code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": "x"},
            "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}})
    };
    json!({"resourceType": "Observation", "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        "component": [part("8480-6", 120), part("8462-4", 80)]})
}

#[test]
fn components_are_of_one_element() {
    check_matches(
        &pressure(),
        &[
            ("component-code-value-quantity=8480-6$120", true),
            ("component-code-value-quantity=http://loinc.org|8480-6$gt100|http://unitsofmeasure.org|mm[Hg]", true),
            ("component-code-value-quantity=8462-4$gt100", false),
            ("component-code-value-quantity=8462-4$gt100,8462-4$80", true),
            ("component-code-value-quantity=8480-6$16|http://unitsofmeasure.org|kPa", true),
            ("combo-code-value-quantity=8462-4$lt90", true),
            ("code-value-quantity=85354-9$120", false),
        ],
    );
}

#[test]
fn the_resource_itself_can_be_the_element() {
    let observation = json!({"resourceType": "Observation", "code": {"coding": [{"code": "a"}, {"code": "b"}]},
        "valueDateTime": "2020-03-04"});
    assert_eq!(rows(observation.clone(), "code-value-date").len(), 2);
    check_matches(&observation, &[("code-value-date=b$2020-03", true), ("code-value-date=b$2021", false)]);
    let text = json!({"resourceType": "Observation", "code": {"coding": [{"code": "a"}]}, "valueString": "Grün, blau"});
    check_matches(&text, &[("code-value-string=a$grun", true), ("code-value-string=a$blau", false)]);
    let only_text = json!({"resourceType": "Observation", "code": {"text": "a"}, "valueString": "x"});
    assert_eq!(rows(only_text, "code-value-string"), [] as [Vec<IndexValue>; 0]);
}

#[test]
fn a_component_may_lie_elsewhere_in_the_resource() {
    let sequence = json!({"resourceType": "MolecularSequence", "coordinateSystem": 0,
        "referenceSeq": {"chromosome": {"coding": [{"code": "1"}]}, "windowStart": 5, "windowEnd": 9},
        "variant": [{"start": 22, "end": 23}, {"start": 30, "end": 31}]});
    let expected = [(22.0, 23.0), (30.0, 31.0)].map(|(start, end)| vec![token(None, "1"), number(start), number(end)]);
    assert_eq!(rows(sequence.clone(), "chromosome-variant-coordinate"), expected);
    check_matches(
        &sequence,
        &[
            ("chromosome-variant-coordinate=1$22$lt31", true),
            ("chromosome-variant-coordinate=1$gt25$lt31", false),
            ("chromosome-window-coordinate=1$5$9", true),
        ],
    );
}

#[test]
fn crossed_definitions_are_read_by_their_paths() {
    let document = json!({"resourceType": "DocumentReference",
        "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/old"}}]});
    check_matches(
        &document,
        &[
            ("relationship=replaces$DocumentReference/old", true),
            ("relationship=http://hl7.org/fhir/document-relationship-type|replaces$old", true),
            ("relationship=appends$DocumentReference/old", false),
        ],
    );
}

#[test]
fn use_contexts_compare_quantities_and_ranges() {
    let library = json!({"resourceType": "Library", "useContext": [{"code": {"system": "urn:u", "code": "age"},
        "valueRange": {"low": {"value": 12, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"},
            "high": {"value": 18, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}}}]});
    check_matches(
        &library,
        &[
            ("context-type-quantity=age$gt15", true),
            ("context-type-quantity=age$gt20", false),
            ("context-type-quantity=urn:u|age$ge144|http://unitsofmeasure.org|mo", true),
        ],
    );
}

#[test]
fn a_huge_concept_gives_no_flood_of_entries() {
    let codings: Vec<Value> = (0..200).map(|n| json!({"code": format!("c{n}")})).collect();
    let observation = json!({"resourceType": "Observation", "code": {"coding": codings.clone()},
        "valueCodeableConcept": {"coding": codings}});
    assert_eq!(rows(observation, "code-value-concept").len(), 1000);
}
