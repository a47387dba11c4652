//! What an index holds of a resource.

use search::{IndexValue, index};
use serde_json::{Value, json};

use crate::{json as document, registry};

fn found(resource: Value, code: &str) -> Vec<IndexValue> {
    let resource = document(resource);
    let param = registry().param(resource.resource_type().unwrap(), code).unwrap().id;
    let entries = index(&resource, registry());
    entries.into_iter().filter(|entry| entry.param == param).map(|entry| entry.value).collect()
}

fn token(system: Option<&str>, code: Option<&str>) -> IndexValue {
    IndexValue::Token { system: system.map(Into::into), code: code.map(Into::into) }
}

fn string(normalised: &str, exact: &str) -> IndexValue {
    IndexValue::String { normalised: normalised.into(), exact: exact.into() }
}

fn reference(type_name: Option<&str>, id: Option<&str>, url: Option<&str>) -> IndexValue {
    IndexValue::Reference { type_name: type_name.map(Into::into), id: id.map(Into::into), url: url.map(Into::into) }
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": "p1",
        "meta": {"profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient|2.5.0"], "source": "urn:feed:a"},
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "active": true,
        "name": [{"family": "O'Brien-Müller", "given": ["Zoë", "Ann"]}],
        "telecom": [{"system": "phone", "value": "0700"}, {"system": "email", "value": "z@example.org"}],
        "gender": "female", "birthDate": "1974-12", "deceasedDateTime": "2020-02-03",
        "address": [{"line": ["1 High St"], "city": "Leeds", "postalCode": "LS1 1AA"}],
        "generalPractitioner": [{"reference": "Practitioner/g1"}, {"reference": "#gp"}]
    })
}

#[test]
fn patient_paths_are_found() {
    let nhs = token(Some("https://fhir.nhs.uk/Id/nhs-number"), Some("9990000018"));
    assert_eq!(found(patient(), "identifier"), [nhs]);
    assert_eq!(found(patient(), "family"), [string("obrien muller", "O'Brien-Müller")]);
    assert_eq!(
        found(patient(), "name"),
        [string("ann", "Ann"), string("obrien muller", "O'Brien-Müller"), string("zoe", "Zoë")]
    );
    assert_eq!(found(patient(), "email"), [token(Some("email"), Some("z@example.org"))]);
    assert_eq!(found(patient(), "gender"), [token(None, Some("female"))]);
    assert_eq!(found(patient(), "deceased"), [token(None, Some("true"))]);
    assert_eq!(found(patient(), "active"), [token(None, Some("true"))]);
    assert_eq!(found(patient(), "address-postalcode"), [string("ls1 1aa", "LS1 1AA")]);
    let expected = [token(None, None), reference(Some("Practitioner"), Some("g1"), None)];
    assert_eq!(found(patient(), "general-practitioner"), expected, "the contained one is not missing");
    assert_eq!(found(patient(), "_source"), [IndexValue::Uri("urn:feed:a".into())]);
    assert_eq!(found(patient(), "_profile").len(), 2, "with and without the version");
    assert_eq!(found(patient(), "_id"), []);
}

#[test]
fn dates_are_spans() {
    let date = |start, end| IndexValue::Date { start, end };
    assert_eq!(found(patient(), "birthdate"), [date(155_088_000_000, 157_766_399_999)]);
    assert_eq!(found(patient(), "death-date"), [date(1_580_688_000_000, 1_580_774_399_999)]);
    let encounter = |period| json!({"resourceType": "Encounter", "period": period});
    assert_eq!(found(encounter(json!({"start": "1970-01-01T00:00:00Z"})), "date"), [date(0, i64::MAX)]);
    assert_eq!(found(encounter(json!({"end": "1970-01-01T00:00:00Z"})), "date"), [date(i64::MIN, 999)]);
    assert_eq!(found(encounter(json!({"end": "not a date"})), "date"), []);
}

fn observation(value: Value) -> Value {
    let mut observation = json!({
        "resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolic"}], "text": "BP"},
        "subject": {"reference": "Patient/p1", "identifier": {"system": "urn:s", "value": "9"}},
        "effectiveDateTime": "2020-01-01T10:00:00+01:00"
    });
    observation.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    observation
}

#[test]
fn choice_elements_are_found_by_their_type() {
    let quantity = json!({"valueQuantity":
        {"value": 5.40, "unit": "mmol per l", "system": "http://unitsofmeasure.org", "code": "mmol/L", "comparator": "<="}});
    let entry = |system: Option<&str>, code: &str| IndexValue::Quantity {
        system: system.map(Into::into),
        code: Some(code.into()),
        low: f64::MIN,
        high: 5.4,
    };
    let expected = [entry(None, "mmol per l"), entry(Some("http://unitsofmeasure.org"), "mmol/L")];
    assert_eq!(found(observation(quantity.clone()), "value-quantity"), expected);
    assert_eq!(found(observation(quantity.clone()), "combo-value-quantity"), expected);
    assert_eq!(found(observation(quantity), "value-concept"), []);
    let concept = json!({"valueCodeableConcept": {"text": "only a text"}});
    let expected = [token(None, None), IndexValue::Text("only a text".into())];
    assert_eq!(found(observation(concept), "value-concept"), expected);
    assert_eq!(
        found(observation(json!({})), "code"),
        [
            token(Some("http://loinc.org"), Some("8480-6")),
            IndexValue::Text("bp".into()),
            IndexValue::Text("systolic".into())
        ]
    );
}

#[test]
fn references_are_found_by_type_without_resolving() {
    let expected = [token(Some("urn:s"), Some("9")), reference(Some("Patient"), Some("p1"), None)];
    assert_eq!(found(observation(json!({})), "patient"), expected);
    assert_eq!(found(observation(json!({})), "subject"), expected);
    let group = json!({"subject": {"reference": "Group/g"}});
    assert_eq!(found(observation(group), "patient"), []);
    let absolute = json!({"subject": {"reference": "https://other.example/fhir/Patient/7/_history/2"}});
    let url = "https://other.example/fhir/Patient/7";
    assert_eq!(found(observation(absolute), "patient"), [reference(Some("Patient"), Some("7"), Some(url))]);
    let urn = json!({"subject": {"reference": "urn:uuid:0a"}});
    assert_eq!(found(observation(urn), "subject"), [reference(None, None, Some("urn:uuid:0a"))]);
}

#[test]
fn odd_resources_are_skipped_without_a_fault() {
    for odd in [
        json!({}),
        json!({"resourceType": "Nothing"}),
        json!({"resourceType": "Practitioner", "name": 7, "active": {}}),
    ] {
        assert_eq!(index(&document(odd), registry()), []);
    }
}

#[test]
fn entries_hold_no_more_than_a_database_key_takes() {
    let long = "é".repeat(5000);
    let coding = json!({"system": long, "code": long, "display": long});
    let resources = [
        json!({"resourceType": "Patient", "name": [{"family": long}], "link": [{"other": {"reference": format!("urn:{long}")}}],
            "identifier": [{"system": long, "value": long, "type": {"coding": [coding]}}], "meta": {"source": long}}),
        json!({"resourceType": "Observation", "code": {"coding": [coding]},
            "valueQuantity": {"value": 1, "unit": long, "system": long, "code": long}}),
    ];
    for resource in resources {
        let entries = index(&document(resource), registry());
        assert!(entries.len() > 5);
        // Shown as text, no field is longer than its bound: quotes split the fields.
        let shown: Vec<String> = entries.iter().map(|entry| format!("{:?}", entry.value)).collect();
        let fields = shown.iter().flat_map(|shown| shown.split('"'));
        assert_eq!(fields.map(str::len).max(), Some(search::TEXT_LENGTH_MAX_BYTES));
    }
}

#[test]
fn the_first_resource_of_a_bundle_is_what_it_is_about() {
    let bundle = |first: Value| json!({"resourceType": "Bundle", "type": "document", "entry": [{"resource": first}]});
    let composition = bundle(json!({"resourceType": "Composition", "id": "c1"}));
    assert_eq!(found(composition.clone(), "composition"), [reference(Some("Composition"), Some("c1"), None)]);
    assert_eq!(found(composition, "message"), []);
    assert_eq!(found(bundle(json!({"resourceType": "Patient", "id": "c1"})), "composition"), []);
}
