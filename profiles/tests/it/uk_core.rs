//! UK Core profiles: fixed values, slices, extensions, profiles that derive from profiles.

use profiles::Options;
use serde_json::{Value, json};

use crate::{errors, issues};

const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
const UK: &str = "https://fhir.hl7.org.uk/StructureDefinition/";

fn check(resource: Value, expected: &[&str]) {
    assert_eq!(errors(&resource, &Options::uk_core()), expected, "{resource}");
}

#[test]
fn one_nhs_number_at_most_and_with_a_value() {
    let number = |value: &str| json!({"system": NHS_NUMBER, "value": value});
    let other = json!({"system": "https://example.org/mrn", "value": "1"});
    let patient = |identifiers: Value| json!({"resourceType": "Patient", "identifier": identifiers});
    check(patient(json!([number("9990000018"), other, other])), &[]);
    check(patient(json!([number("9990000018"), number("9990000026")])), &["structure Patient"]);
    check(patient(json!([{"system": NHS_NUMBER}])), &["required Patient.identifier[0]"]);
}

#[test]
fn profile_applies_without_a_claim_only_where_asked() {
    let patient = json!({"resourceType": "Patient", "identifier": [{"system": NHS_NUMBER}]});
    assert_eq!(errors(&patient, &Options::default()), [""; 0]);
    assert_eq!(errors(&patient, &Options::uk_core()).len(), 1);
    let mut claiming = patient;
    claiming["meta"] = json!({"profile": [format!("{UK}UKCore-Patient|2.6.1")]});
    assert_eq!(errors(&claiming, &Options::default()).len(), 1);
    // Claimed and applied, it is still said once.
    assert_eq!(errors(&claiming, &Options::uk_core()).len(), 1);
}

#[test]
fn extension_is_held_against_its_definition() {
    let patient = |value: Value| {
        json!({"resourceType": "Patient", "identifier": [{"system": NHS_NUMBER, "value": "9990000018", "extension":
            [{"url": format!("{UK}Extension-UKCore-NHSNumberVerificationStatus"), "valueCodeableConcept": value}]}]})
    };
    let coded = |code: &str| {
        let system = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland";
        patient(json!({"coding": [{"system": system, "code": code}]}))
    };
    check(coded("01"), &[]);
    check(coded("99"), &["code-invalid Patient.identifier[0].extension[0].value.ofType(CodeableConcept)"]);
    let mut wrong_type = coded("01");
    wrong_type["identifier"][0]["extension"][0] =
        json!({"url": format!("{UK}Extension-UKCore-NHSNumberVerificationStatus"), "valueString": "01"});
    check(wrong_type, &["value Patient.identifier[0].extension[0].value.ofType(string)"]);
}

#[test]
fn extension_count_is_limited_by_url() {
    let category = json!({"url": format!("{UK}Extension-UKCore-EthnicCategory"), "valueCodeableConcept":
        {"coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland", "code": "A"}]}});
    check(json!({"resourceType": "Patient", "extension": [category]}), &[]);
    check(json!({"resourceType": "Patient", "extension": [category, category]}), &["structure Patient"]);
}

/// BloodPressure derives from VitalSigns, which derives from Observation of UK Core.
#[test]
fn derived_profile_keeps_the_rules_of_its_ancestors() {
    let coding = |loinc: &str| json!([{"system": "http://loinc.org", "code": loinc}, {"system": "http://snomed.info/sct", "code": "75367002"}]);
    let component = |loinc: &str, text: &str| {
        json!({"code": {"coding": [{"system": "http://loinc.org", "code": loinc, "display": text},
            {"system": "http://snomed.info/sct", "code": "72313002"}], "text": text},
            "valueQuantity": {"value": 120, "unit": "millimeter of mercury", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}})
    };
    let (systolic, diastolic) =
        (component("8480-6", "Systolic blood pressure"), component("8462-4", "Diastolic blood pressure"));
    let observation = json!({"resourceType": "Observation", "status": "final",
        "meta": {"profile": [format!("{UK}UKCore-Observation-VitalSigns-BloodPressure")]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": coding("85354-9")}, "subject": {"reference": "Patient/1"}, "performer": [{"reference": "Practitioner/1"}],
        "effectiveDateTime": "2024-01-01T10:00:00Z", "component": [systolic, diastolic]});
    check(observation.clone(), &[]);

    let mut no_loinc = observation.clone();
    no_loinc["code"]["coding"] = json!([{"system": "http://snomed.info/sct", "code": "75367002"}]);
    check(no_loinc, &["invariant Observation", "required Observation.code"]);

    let mut wrong_code = observation.clone();
    wrong_code["code"]["coding"] = coding("8480-6");
    check(wrong_code, &["value Observation.code.coding[0].code"]);

    let mut third = observation.clone();
    third["component"] = json!([systolic, component("8867-4", "Heart rate")]);
    check(third, &["structure Observation.component[1]"]);

    let mut own_value = observation;
    own_value["valueInteger"] = json!(1);
    check(own_value, &["structure Observation"]);
}

#[test]
fn code_of_a_system_that_is_not_loaded_is_noted_once() {
    let entry = json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://snomed.info/sct",
        "code": "271649006"}]}, "bodySite": {"text": "x"}, "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}],
        "meta": {"profile": [format!("{UK}UKCore-Observation-Lab")]}});
    let issues = issues(&entry, &Options::default());
    let notes = issues.iter().filter(|issue| issue.code == "not-supported").count();
    assert!(notes <= 1, "{issues:?}");
}

#[test]
fn unknown_profile_is_a_warning_when_claimed_and_an_error_when_asked_for() {
    let url = "https://example.org/StructureDefinition/none";
    check(json!({"resourceType": "Patient", "meta": {"profile": [url]}}), &[]);
    let options = Options { profiles: vec![url.to_owned()], ..Options::default() };
    assert_eq!(errors(&json!({"resourceType": "Patient"}), &options), ["not-found Patient"]);
    let options = Options { profiles: vec![format!("{UK}UKCore-Observation")], ..Options::default() };
    assert_eq!(errors(&json!({"resourceType": "Patient"}), &options), ["invalid Patient"]);
}
