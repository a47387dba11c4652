//! Which patients a resource is about.

use search::{Condition, Filter, FilterParam, FilterValue, compartment_condition, patients_of};
use serde_json::{Value, json};

use crate::{json as document, registry};

fn check(resource: Value, expected: &[&str]) {
    assert_eq!(patients_of(&document(resource), registry()), expected);
}

#[test]
fn a_patient_is_in_its_own_compartment_only() {
    let link = json!([{"other": {"reference": "Patient/other"}, "type": "seealso"}]);
    check(json!({"resourceType": "Patient", "id": "a", "link": link}), &["Patient/a"]);
    check(json!({"resourceType": "Patient"}), &[]);
}

#[test]
fn compartment_parameters_name_the_patients() {
    let subject = |reference: &str| json!({"resourceType": "Condition", "subject": {"reference": reference}});
    check(subject("Patient/a/_history/3"), &["Patient/a"]);
    check(subject("Group/g"), &[]);
    check(subject("#contained"), &[]);
    check(subject("https://h/fhir/Patient/a"), &["https://h/fhir/Patient/a"]);
    check(subject("urn:uuid:0a"), &["urn:uuid:0a"]);
    let actor = |reference: &str| json!({"actor": {"reference": reference}, "status": "accepted"});
    let appointment = json!({"resourceType": "Appointment",
        "participant": [actor("Patient/b"), actor("Practitioner/x"), actor("Patient/a"), actor("Patient/b")]});
    check(appointment, &["Patient/a", "Patient/b"]);
    let observation = json!({"resourceType": "Observation", "subject": {"reference": "Patient/a"},
        "performer": [{"reference": "Practitioner/p"}, {"reference": "Patient/b"}]});
    check(observation, &["Patient/a", "Patient/b"]);
}

#[test]
fn a_patient_named_by_number_alone_is_not_nobody() {
    let by_number = json!({"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}});
    for type_name in ["Condition", "Observation"] {
        check(json!({"resourceType": type_name, "subject": by_number}), &[search::compartment::UNRESOLVED_PATIENT]);
    }
    let by_other = json!({"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A1"}});
    check(json!({"resourceType": "Observation", "performer": [by_other]}), &[]);
}

#[test]
fn resources_outside_the_compartment_are_about_nobody() {
    check(json!({"resourceType": "Organization", "id": "o"}), &[]);
    check(json!({"resourceType": "Location", "managingOrganization": {"reference": "Organization/o"}}), &[]);
}

#[test]
fn a_compartment_is_a_condition() {
    let condition = |compartment: &str, type_name: &str| {
        let condition = compartment_condition(compartment, "a", type_name, registry())?;
        Some(match condition {
            Condition::Any(links) => {
                let code = |link: &Condition| match link {
                    Condition::Filter(Filter { param: FilterParam::Param(id, _), values, .. }) => {
                        let type_name = Some(compartment.to_owned());
                        assert_eq!(values, &[FilterValue::Reference { type_name, id: "a".into(), url: None }]);
                        registry().by_id(*id).unwrap().code.clone()
                    }
                    other => panic!("{other:?}"),
                };
                links.iter().map(code).collect::<Vec<_>>()
            }
            Condition::Filter(Filter { param: FilterParam::Id, .. }) => vec!["_id".to_owned()],
            other => panic!("{other:?}"),
        })
    };
    let expect = |codes: &[&str]| Some(codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>());
    assert_eq!(condition("Patient", "Observation"), expect(&["subject", "performer"]));
    assert_eq!(condition("Patient", "Patient"), expect(&["_id"]));
    assert_eq!(condition("Encounter", "Observation"), expect(&["encounter"]));
    assert_eq!(condition("Device", "Observation"), expect(&["subject", "device"]));
    assert_eq!(condition("Practitioner", "Encounter"), expect(&["practitioner", "participant"]));
    assert_eq!(condition("RelatedPerson", "RelatedPerson"), expect(&["_id"]));
    assert_eq!(condition("Patient", "Organization"), None);
    assert_eq!(condition("Organization", "Organization"), None, "there is no such compartment");
}
