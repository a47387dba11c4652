//! Base R4: structure, primitives, cardinality, choices, codes, references, extensions.

use profiles::Options;
use serde_json::{Value, json};

use crate::{errors, issues, validator};

fn check(resource: Value, expected: &[&str]) {
    assert_eq!(errors(&resource, &Options::default()), expected, "{resource}");
}

#[test]
fn good_resource_has_no_issues() {
    let patient = json!({"resourceType": "Patient", "id": "p1", "name": [{"given": ["Ann", null], "_given": [null, {"extension":
        [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}]}],
        "gender": "female", "birthDate": "1980-02-29", "deceasedBoolean": false});
    assert_eq!(issues(&patient, &Options::default()), []);
}

#[test]
fn structure_is_checked() {
    check(json!({"resourceType": "Patient", "nam": [{}]}), &["structure Patient"]);
    check(json!({"resourceType": "Patient", "name": [{}]}), &["structure Patient.name[0]"]);
    check(json!({"resourceType": "Patient", "name": []}), &["structure Patient.name"]);
    check(json!({"resourceType": "Patient", "name": {"family": "A"}}), &["structure Patient.name"]);
    check(json!({"resourceType": "Patient", "birthDate": ["1980"]}), &["structure Patient.birthDate"]);
    check(json!({"resourceType": "Patient", "active": "true"}), &["structure Patient.active"]);
    check(json!({"resourceType": "Patient", "name": ["A"]}), &["structure Patient.name[0]"]);
    check(json!({"resourceType": "Patient", "name": [{"given": [null]}]}), &["structure Patient.name[0].given[0]"]);
    check(json!({"resourceType": "Patient", "_active": {"value": true}}), &["structure Patient.active"]);
    check(
        json!({"resourceType": "Patient", "contact": [{"name": {"resourceType": "HumanName", "family": "A"}}]}),
        &["structure Patient.contact[0].name"],
    );
}

#[test]
fn primitive_forms_are_checked() {
    check(json!({"resourceType": "Patient", "birthDate": "1980-02-30"}), &["value Patient.birthDate"]);
    check(json!({"resourceType": "Patient", "birthDate": "01/02/1980"}), &["value Patient.birthDate"]);
    check(json!({"resourceType": "Patient", "id": "a b"}), &["value Patient.id"]);
    check(json!({"resourceType": "Patient", "implicitRules": "a b"}), &["value Patient.implicitRules"]);
    check(json!({"resourceType": "Patient", "name": [{"family": ""}]}), &["value Patient.name[0].family"]);
    check(json!({"resourceType": "Patient", "name": [{"family": "a\0b"}]}), &["value Patient.name[0].family"]);
    check(json!({"resourceType": "Patient", "implicitRules": "a\0b"}), &["value Patient.implicitRules"]);
    check(
        json!({"resourceType": "Patient", "maritalStatus": {"coding": [{"code": "a\0b"}]}}),
        &["value Patient.maritalStatus.coding[0].code"],
    );
    check(
        json!({"resourceType": "Patient", "deceasedDateTime": "2020-01-01T10:00"}),
        &["value Patient.deceased.ofType(dateTime)"],
    );
    check(
        json!({"resourceType": "Patient", "multipleBirthInteger": 1.5}),
        &["value Patient.multipleBirth.ofType(integer)"],
    );
    check(
        json!({"resourceType": "Patient", "photo": [{"data": "not base64"}]}),
        &["value Patient.photo[0].data", "invariant Patient.photo[0]"],
    );
}

#[test]
fn cardinality_and_choices_are_checked() {
    check(json!({"resourceType": "Observation", "code": {"text": "x"}}), &["required Observation"]);
    check(
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueString": "1", "valueInteger": 1}),
        &["structure Observation.value.ofType(integer)"],
    );
    check(
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueMoney": {"value": 1}}),
        &["structure Observation"],
    );
}

#[test]
fn required_codes_are_checked() {
    check(json!({"resourceType": "Patient", "gender": "F"}), &["code-invalid Patient.gender"]);
    check(json!({"resourceType": "Patient", "communication": [{"language": {"text": "English"}}]}), &[]);
    let condition = |system: &str, code: &str| {
        json!({"resourceType": "Condition", "subject": {"reference": "Patient/1"},
            "clinicalStatus": {"coding": [{"system": system, "code": code}]}})
    };
    let system = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    check(condition(system, "active"), &[]);
    check(condition(system, "alive"), &["code-invalid Condition.clinicalStatus"]);
    check(condition("http://snomed.info/sct", "active"), &["code-invalid Condition.clinicalStatus"]);
}

#[test]
fn grammars_stand_in_for_code_lists() {
    let attachment =
        |media: &str| json!({"resourceType": "Patient", "photo": [{"contentType": media, "url": "http://a"}]});
    check(attachment("image/png"), &[]);
    check(attachment("text/plain; charset=utf-8"), &[]);
    check(attachment("a picture"), &["code-invalid Patient.photo[0].contentType"]);
}

#[test]
fn references_are_held_against_their_targets() {
    let observation = |reference: &str| {
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": reference},
            "performer": [{"reference": "#o"}], "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}]})
    };
    for good in ["Patient/1", "https://example.org/fhir/Patient/1", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"] {
        check(observation(good), &[]);
    }
    for bad in ["Organization/1", "#o", "#p"] {
        check(observation(bad), &["value Observation.subject"]);
    }
}

#[test]
fn unknown_extension_is_noted_and_unknown_modifier_refused() {
    let patient =
        |name: &str| json!({"resourceType": "Patient", name: [{"url": "http://example.org/x", "valueString": "y"}]});
    check(patient("extension"), &[]);
    assert_eq!(issues(&patient("extension"), &Options::default()).len(), 1);
    check(patient("modifierExtension"), &["extension Patient.modifierExtension[0]"]);
}

#[test]
fn entries_and_contained_resources_are_checked() {
    check(
        json!({"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
            "resource": {"resourceType": "Patient", "gender": "F"}}]}),
        &["code-invalid Bundle.entry[0].resource.gender"],
    );
    check(
        json!({"resourceType": "Patient", "managingOrganization": {"reference": "#x"},
            "contained": [{"resourceType": "Pateint", "id": "x"}]}),
        &["value Patient.managingOrganization", "structure Patient.contained[0]"],
    );
}

#[test]
fn what_is_not_a_resource_is_said_plainly() {
    for text in
        ["{\"resourceType\": \"Pateint\"}", "{}", "[]", "{", "", "<Patient", "<Pateint xmlns=\"http://hl7.org/fhir\"/>"]
    {
        let issues = validator().validate_text(text.as_bytes(), &Options::default());
        assert_eq!(issues.len(), 1, "{text}");
        assert_eq!(issues[0].severity, fhir::Severity::Fatal, "{text}");
    }
}

#[test]
fn issues_say_where_and_never_what() {
    let text = "{\n  \"resourceType\": \"Patient\",\n  \"birthDate\": \"Ann Example\", \"gender\": \"Ann Example\",\n  \"9990000018\": 1\n}";
    let issues = validator().validate_text(text.as_bytes(), &Options::default());
    let places: Vec<_> = issues.iter().filter_map(|issue| issue.line_column).collect();
    assert_eq!(places, [(3, 16), (3, 41), (4, 17)]);
    for issue in issues {
        assert!(!issue.diagnostics.contains("Ann") && !issue.diagnostics.contains("9990000018"), "{issue:?}");
    }
}

#[test]
fn notes_do_not_crowd_out_an_error() {
    let extension = |number: usize| json!({"url": format!("http://example.org/{number}"), "valueString": "y"});
    let extensions: Vec<Value> = (0..2000).map(extension).collect();
    check(json!({"resourceType": "Patient", "extension": extensions, "gender": "F"}), &["code-invalid Patient.gender"]);
}

#[test]
fn xml_is_validated_like_json() {
    let text = "<Patient xmlns=\"http://hl7.org/fhir\"><gender value=\"F\"/></Patient>";
    let issues = validator().validate_text(text.as_bytes(), &Options::default());
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0].expression.as_deref(), Some("Patient.gender"));
    assert_eq!(issues[0].line_column, Some((1, 38)));
}

#[test]
fn issues_of_xml_say_their_line() {
    let text = "<?xml version=\"1.0\"?>\n<f:Bundle xmlns:f=\"http://hl7.org/fhir\">\n <f:type value=\"collection\"/>\n <!-- <f:entry> -->\n <f:entry>\n  \
        <f:fullUrl value=\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\"/>\n  <f:resource>\n   <f:Patient>\n    <f:name><f:family value=\"x\"/></f:name>\n    \
        <f:name>\n     <f:use value=\"other\"/></f:name><f:deceasedDateTime value=\"x\"/></f:Patient>\n  </f:resource>\n </f:entry>\n</f:Bundle>";
    let issues = validator().validate_text(text.as_bytes(), &Options::default());
    let places: Vec<_> = issues
        .iter()
        .filter(|issue| issue.is_error())
        .map(|issue| (issue.expression.as_deref(), issue.line_column))
        .collect();
    let resource = "Bundle.entry[0].resource";
    let (usage, deceased) = (format!("{resource}.name[1].use"), format!("{resource}.deceased.ofType(dateTime)"));
    assert_eq!(places, [(Some(usage.as_str()), Some((11, 6))), (Some(deceased.as_str()), Some((11, 37)))]);
}
