//! Where the targets of references lie: contained, in a Bundle, in a Bundle within a Bundle, elsewhere.

use profiles::Options;
use serde_json::{Value, json};

use crate::{by_profile, errors, told};

fn on_organization(mode: &str, bundled: bool, reference: &str) -> Vec<String> {
    let elements = json!([{"id": "Patient.managingOrganization", "path": "Patient.managingOrganization", "type": [{"code": "Reference",
        "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Organization"], "aggregation": [mode]}]}]);
    let organization = json!({"resourceType": "Organization", "id": "o", "name": "x"});
    let mut patient = json!({"resourceType": "Patient", "id": "p", "managingOrganization": {"reference": reference}});
    if reference == "#o" {
        patient["contained"] = json!([organization]);
    }
    if !bundled {
        return told(&by_profile(&elements, &patient, &Options::default()));
    }
    patient["meta"] = json!({"profile": ["http://example.org/StructureDefinition/p"]});
    let entry = |resource: &Value| {
        json!({"fullUrl": format!("https://weir.test/{}/{}", resource["resourceType"].as_str().expect("a type"),
        resource["id"].as_str().expect("an id")), "resource": resource})
    };
    let bundle =
        json!({"resourceType": "Bundle", "type": "collection", "entry": [entry(&patient), entry(&organization)]});
    let profile = json!({"resourceType": "StructureDefinition", "url": "http://example.org/StructureDefinition/p", "name": "P",
        "kind": "resource", "abstract": false, "type": "Patient", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "differential": {"element": elements}});
    told(&crate::issues_with(&[profile], &bundle, &Options::default()))
}

#[test]
fn a_target_lies_where_the_profile_lets_it() {
    let wrong = ["value Patient.managingOrganization"];
    let wrong_in_bundle = ["value Bundle.entry[0].resource.managingOrganization"];
    assert_eq!(on_organization("contained", false, "#o"), [""; 0]);
    assert_eq!(on_organization("referenced", false, "Organization/o"), [""; 0]);
    assert_eq!(on_organization("bundled", true, "Organization/o"), [""; 0]);
    // What is in the same Bundle is outside of the resource, too.
    assert_eq!(on_organization("referenced", true, "Organization/o"), [""; 0]);
    assert_eq!(on_organization("contained", false, "Organization/o"), wrong);
    assert_eq!(on_organization("referenced", false, "#o"), wrong);
    assert_eq!(on_organization("bundled", false, "Organization/o"), wrong);
    assert_eq!(on_organization("bundled", true, "Organization/elsewhere"), wrong_in_bundle);
    assert_eq!(on_organization("contained", true, "Organization/o"), wrong_in_bundle);
}

#[test]
fn a_reference_leads_to_the_nearest_bundle() {
    let entry = |url: &str, resource: Value| json!({"fullUrl": url, "resource": resource});
    let observation = || {
        json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
            "subject": {"reference": "urn:uuid:8d5f1f0c-5f4f-4b0e-9f3b-0d7c1c0d7f55"}})
    };
    let named = |resource: Value| entry("urn:uuid:8d5f1f0c-5f4f-4b0e-9f3b-0d7c1c0d7f55", resource);
    let bundle = |entries: Value| json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    let patient = || json!({"resourceType": "Patient", "active": true});
    // What a subject may not be.
    let practitioner = || json!({"resourceType": "Practitioner", "active": true});
    let observed = || entry("https://weir.test/Observation/o", observation());
    let nested = |outer: Value, inner: Value| {
        let inner = bundle(json!([inner, observed()]));
        errors(
            &bundle(json!([entry("urn:uuid:3e4c4d1c-5f4f-4b0e-9f3b-0d7c1c0d7f55", inner), outer])),
            &Options::default(),
        )
    };
    assert_eq!(nested(named(practitioner()), named(patient())), [""; 0]);
    assert_eq!(
        nested(named(patient()), named(practitioner())),
        ["value Bundle.entry[0].resource.entry[1].resource.subject"]
    );
    // What the nearest does not have, the one around it may.
    let other = || entry("urn:uuid:0c2f1f0c-5f4f-4b0e-9f3b-0d7c1c0d7f55", patient());
    assert_eq!(nested(named(practitioner()), other()), ["value Bundle.entry[0].resource.entry[1].resource.subject"]);
    // After the inner Bundle the outer one counts again.
    let inner = bundle(json!([named(practitioner())]));
    let outer = json!([entry("urn:uuid:3e4c4d1c-5f4f-4b0e-9f3b-0d7c1c0d7f55", inner), observed(), named(patient())]);
    assert_eq!(errors(&bundle(outer), &Options::default()), [""; 0]);
}

#[test]
fn a_document_within_a_bundle_is_held_to_its_own_entries() {
    let composition = json!({"resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "x"}, "date": "2020-01-01",
        "title": "x", "author": [{"display": "x"}], "subject": {"reference": "Patient/p"}});
    let patient = || json!({"fullUrl": "https://weir.test/Patient/p", "resource": {"resourceType": "Patient", "id": "p", "active": true}});
    let document = |has_patient: bool| {
        let mut entries = vec![json!({"fullUrl": "https://weir.test/Composition/c", "resource": composition})];
        entries.extend(has_patient.then(patient));
        json!({"resourceType": "Bundle", "type": "document", "timestamp": "2020-01-01T00:00:00Z",
            "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:8d5f1f0c-5f4f-4b0e-9f3b-0d7c1c0d7f55"}, "entry": entries})
    };
    let around = |document: Value, has_patient: bool| {
        let mut entries =
            vec![json!({"fullUrl": "urn:uuid:3e4c4d1c-5f4f-4b0e-9f3b-0d7c1c0d7f55", "resource": document})];
        entries.extend(has_patient.then(patient));
        json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
    };
    for is_around in [false, true] {
        assert_eq!(errors(&around(document(true), is_around), &Options::default()), [""; 0]);
        assert_eq!(
            errors(&around(document(false), is_around), &Options::default()),
            ["not-found Bundle.entry[0].resource.entry[0].resource.subject"],
            "{is_around}"
        );
    }
}
