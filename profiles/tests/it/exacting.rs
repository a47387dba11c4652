//! What the reference validator has as errors and a server need not: names of countries, forms of codes, canonical urls, the clock.

use fhir::{Instant, Issue};
use profiles::Options;
use serde_json::{Value, json};

use crate::{by_profile, errors};

/// 1 January 2026.
const NOW: Instant = Instant(1_767_225_600_000);

fn exacting() -> Options {
    Options { exacting: true, now: Some(NOW), ..Options::default() }
}

fn check(resource: Value, expected: &[&str]) {
    assert_eq!(errors(&resource, &exacting()), expected, "{resource}");
}

/// What a profile with these elements finds.
fn held_against(elements: &Value, resource: &Value, options: &Options) -> Vec<String> {
    let issues = by_profile(elements, resource, options);
    issues.into_iter().filter(Issue::is_error).map(|issue| issue.diagnostics).collect()
}

#[test]
fn the_name_of_another_country_is_wrong_and_a_shorter_one_is_not() {
    let patient = |code: &str, display: &str| json!({"resourceType": "Basic", "code": {"coding": [{"system": "urn:iso:std:iso:3166", "code": code, "display": display}]}});
    for (code, display) in [("AU", "Australia"), ("GB", "United Kingdom"), ("SZ", "Eswatini"), ("DE", "Deutschland")] {
        check(patient(code, display), &[]);
    }
    check(patient("BD", "Australia"), &["invalid Basic.code.coding[0]"]);
    check(patient("XX", "Australia"), &["code-invalid Basic.code.coding[0]"]);
}

#[test]
fn descriptions_of_variants_are_held_to_their_form() {
    let basic = |code: &str| json!({"resourceType": "Basic", "code": {"coding": [{"system": "http://varnomen.hgvs.org", "code": code}]}});
    for good in [
        "NC_000019.8:g.1171707G>A",
        "NM_004006.2(DMD):c.[93G>T;-5_-1del]",
        "NP_003997.1:p.Trp24Ter",
        "NM_004006.2:r.76a>c",
        "NC_000001.11:g.(1_2)insN[12]",
        "NC_000002.12:g.1_2ins[NC_000022.11:g.35788169_35788352]",
    ] {
        check(basic(good), &[]);
    }
    for bad in
        ["NC_000019.8:g.1171707G>AXXX", "g.1171707G>A", ":g.1del", "NC_000019.8:x.1del", "NC_000019.8:g.1171707G>"]
    {
        check(basic(bad), &["code-invalid Basic.code.coding[0]"]);
    }
}

#[test]
fn a_canonical_url_of_fhir_tells_its_type() {
    let response =
        |url: &str| json!({"resourceType": "QuestionnaireResponse", "status": "in-progress", "questionnaire": url});
    check(
        response("http://hl7.org/fhir/ValueSet/example-extensional"),
        &["invalid QuestionnaireResponse.questionnaire"],
    );
    check(response("http://hl7.org/fhir/Questionnaire/3141|4.0.1"), &[]);
    check(response("http://hl7.org/fhir/uv/sdc/ValueSet/x"), &[]);
    check(response("http://example.org/ValueSet/x"), &[]);
}

#[test]
fn a_duration_bounds_a_date_by_the_clock() {
    let elements = |value: i32| {
        json!([{"id": "Patient.birthDate", "path": "Patient.birthDate",
            "maxValueQuantity": {"value": value, "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"}}])
    };
    let born = |date: &str| json!({"resourceType": "Patient", "birthDate": date});
    let found = held_against(&elements(10), &born("2036-01-02"), &exacting());
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("the value is out of bounds, expected at most"), "{found:?}");
    assert_eq!(held_against(&elements(10), &born("2036-01-01"), &exacting()), [""; 0]);
    assert_eq!(held_against(&elements(-18), &born("2008-01-02"), &exacting()).len(), 1);
    assert_eq!(held_against(&elements(-18), &born("2008-01-01"), &exacting()), [""; 0]);
    // Without a clock nothing can be said.
    assert_eq!(held_against(&elements(10), &born("2100-01-01"), &Options::default()), [""; 0]);
}

#[test]
fn slices_that_nothing_tells_apart_are_told() {
    let url = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace";
    let elements = |slicing: Option<Value>| {
        let mut place = json!({"id": "Patient.extension:place", "path": "Patient.extension", "sliceName": "place",
            "type": [{"code": "Extension", "profile": [url]}]});
        place.as_object_mut().expect("an object").extend(slicing.map(|slicing| ("slicing".to_owned(), slicing)));
        json!([
            {"id": "Patient.extension", "path": "Patient.extension",
                "slicing": {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}},
            place,
            {"id": "Patient.extension:place/home", "path": "Patient.extension", "sliceName": "place/home", "max": "1"},
            {"id": "Patient.extension:place/home.valueAddress.use", "path": "Patient.extension.valueAddress.use", "fixedCode": "home"}])
    };
    let patient = json!({"resourceType": "Patient", "extension": [{"url": url, "valueAddress": {"use": "home"}}]});
    let found = held_against(&elements(None), &patient, &exacting());
    assert_eq!(found, ["this belongs to both slices `place` and `place/home`, which nothing tells apart"]);
    assert_eq!(held_against(&elements(None), &patient, &Options::default()), [""; 0]);
    let told = json!({"discriminator": [{"type": "value", "path": "value.use"}], "rules": "open"});
    assert_eq!(held_against(&elements(Some(told)), &patient, &exacting()), [""; 0]);
}
