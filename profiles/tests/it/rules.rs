//! Invariants, narrative, contained resources, Bundles, extensions, questionnaires: what the element definitions alone do not say.

use std::sync::Arc;

use definitions::Definitions;
use fhir::Json;
use profiles::{Options, Validator};
use serde_json::{Value, json};

use crate::{errors, issues, issues_with, told};

fn check(resource: Value, expected: &[&str]) {
    assert_eq!(errors(&resource, &Options::default()), expected, "{resource}");
}

/// What a validator with further definitions finds.
fn errors_with(support: &[Value], resource: &Value, options: &Options) -> Vec<String> {
    told(&issues_with(support, resource, options))
}

#[test]
fn invariants_of_types_elements_and_backbones_hold() {
    let observation = |more: Value| {
        let mut made = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}});
        made.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        made
    };
    check(observation(json!({"valueString": "1"})), &[]);
    check(observation(json!({"valueString": "1", "dataAbsentReason": {"text": "x"}})), &["invariant Observation"]);
    check(
        observation(json!({"valueQuantity": {"value": 1, "code": "kg"}})),
        &["invariant Observation.value.ofType(Quantity)"],
    );
    check(
        observation(json!({"referenceRange": [{"appliesTo": [{"text": "x"}]}]})),
        &["invariant Observation.referenceRange[0]"],
    );
    check(
        observation(json!({"effectivePeriod": {"start": "2020-02-01", "end": "2020-01-01"}})),
        &["invariant Observation.effective.ofType(Period)"],
    );
    check(json!({"resourceType": "Patient", "contact": [{"gender": "male"}]}), &["invariant Patient.contact[0]"]);
    check(json!({"resourceType": "Patient", "name": [{"id": "x"}]}), &["invariant Patient.name[0]"]);
    let found = issues(&json!({"resourceType": "Patient", "contact": [{"gender": "male"}]}), &Options::default());
    assert_eq!(found[0].rule.as_deref(), Some("http://hl7.org/fhir/StructureDefinition/Patient#pat-1"));
}

#[test]
fn narrative_is_held_to_the_xhtml_that_is_allowed() {
    let patient = |div: &str| {
        json!({"resourceType": "Patient", "text": {"status": "generated",
        "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{div}</div>")}})
    };
    for good in
        ["<p>x</p>", "a<br/>b", "<p class=\"x\">a &amp; b &#160;</p><!-- note -->", "<img src=\"#x\" alt=\"y\"/>"]
    {
        check(patient(good), &[]);
    }
    for bad in [
        "<script>x</script>",
        "<p onclick=\"x\">x</p>",
        "<p>x",
        "",
        "a & b",
        "<a href=\"javascript:x\">x</a>",
        "<p class=x>x</p>",
    ] {
        check(patient(bad), &["invalid Patient.text.div"]);
    }
}

#[test]
fn contained_resources_are_used_and_plain() {
    let patient = |contained: Value| json!({"resourceType": "Patient", "managingOrganization": {"reference": "#o"}, "contained": contained});
    let organization = json!({"resourceType": "Organization", "id": "o", "name": "x"});
    check(patient(json!([organization])), &[]);
    check(
        patient(json!([organization, {"resourceType": "Organization", "id": "p", "name": "x"}])),
        &["invariant Patient.contained[1]"],
    );
    check(
        patient(json!([{"resourceType": "Organization", "id": "o", "name": "x", "meta": {"versionId": "1"}}])),
        &["invariant Patient.contained[0]"],
    );
    check(patient(json!([organization, organization])), &["duplicate Patient.contained[1]"]);
}

#[test]
fn a_condition_that_asks_for_existence_has_a_boolean() {
    let form = |answer: Value| {
        let mut condition = json!({"question": "1", "operator": "exists"});
        condition.as_object_mut().expect("an object").extend(answer.as_object().expect("an object").clone());
        json!({"resourceType": "Questionnaire", "status": "active", "item": [{"linkId": "1", "type": "string"},
            {"linkId": "2", "type": "string", "enableWhen": [condition]}]})
    };
    check(form(json!({"answerBoolean": true})), &[]);
    check(form(json!({"answerInteger": 1})), &["invariant Questionnaire.item[1].enableWhen[0]"]);
}

#[test]
fn bundles_are_held_to_their_type() {
    let outcome = |mode: &str| {
        json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"search": {"mode": mode},
        "resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-found"}]}}]})
    };
    check(outcome("outcome"), &[]);
    check(outcome("match"), &["required Bundle.entry[0]"]);
    let entry = |url: &str, id: &str| json!({"fullUrl": url, "resource": {"resourceType": "Patient", "id": id}});
    let bundle =
        |type_code: &str, entries: Value| json!({"resourceType": "Bundle", "type": type_code, "entry": entries});
    let good = entry("https://example.org/Patient/a", "a");
    check(bundle("collection", json!([good])), &[]);
    check(bundle("collection", json!([entry("Patient/a", "a")])), &["invalid Bundle.entry[0]"]);
    check(bundle("collection", json!([entry("https://example.org/Patient/b", "a")])), &["invalid Bundle.entry[0]"]);
    check(
        bundle("collection", json!([{"resource": {"resourceType": "Patient", "id": "a"}}])),
        &["required Bundle.entry[0]"],
    );
    check(bundle("collection", json!([good, good])), &["invariant Bundle"]);
    check(bundle("transaction", json!([{"resource": {"resourceType": "Patient"}}])), &["invariant Bundle"]);
    let composition = |subject: &str| {
        json!({"fullUrl": "https://example.org/Composition/c", "resource": {"resourceType": "Composition",
        "id": "c", "status": "final", "type": {"text": "x"}, "date": "2020-01-01", "title": "x", "author": [{"display": "x"}],
        "subject": {"reference": subject}, "section": [{"text": {"status": "generated",
            "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}]}})
    };
    let document = |subject: &str| {
        let mut made = bundle("document", json!([composition(subject), good]));
        made["identifier"] =
            json!({"system": "urn:ietf:rfc:3986", "value": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"});
        made["timestamp"] = json!("2020-01-01T00:00:00Z");
        made
    };
    check(document("Patient/a"), &[]);
    check(document("Patient/b"), &["not-found Bundle.entry[0].resource.subject"]);
}

#[test]
fn extensions_stand_where_they_may() {
    let birth_time = json!([{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "2020-01-01T10:00:00Z"}]);
    let sex = json!([{"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-BirthSex", "valueCodeableConcept":
        {"coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-SexPeopleNHSEngland", "code": "1"}]}}]);
    let exacting = Options { exacting: true, ..Options::default() };
    let warnings = |resource: &Value| {
        let found = issues(resource, &Options::default());
        found.iter().filter(|issue| issue.code == "extension" && issue.severity == fhir::Severity::Warning).count()
    };
    assert_eq!(
        warnings(
            &json!({"resourceType": "Patient", "birthDate": "2020-01-01", "_birthDate": {"extension": birth_time}})
        ),
        0
    );
    assert_eq!(warnings(&json!({"resourceType": "Patient", "extension": birth_time})), 1);
    assert_eq!(warnings(&json!({"resourceType": "Patient", "extension": sex})), 0);
    let wrong = json!({"resourceType": "Practitioner", "extension": sex});
    assert_eq!(warnings(&wrong), 1);
    assert!(errors(&wrong, &exacting).contains(&"extension Practitioner.extension[0]".to_owned()));
    let unknown =
        json!({"resourceType": "Patient", "extension": [{"url": "https://elsewhere.invalid/x", "valueString": "x"}]});
    assert_eq!(errors(&unknown, &Options::default()), [""; 0]);
    assert_eq!(errors(&unknown, &exacting), ["extension Patient.extension[0]"]);
    let of_r5 = json!({"resourceType": "Patient", "extension":
        [{"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Patient.animal.species", "valueString": "x"}]});
    assert_eq!(errors(&of_r5, &exacting), [""; 0]);
}

#[test]
fn codes_are_held_against_their_system() {
    let patient = |coding: Value| json!({"resourceType": "Patient", "maritalStatus": {"coding": [coding]}});
    let married = |code: &str, display: &str| {
        patient(
            json!({"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": code, "display": display}),
        )
    };
    let exacting = Options { exacting: true, ..Options::default() };
    assert_eq!(errors(&married("M", "Married"), &exacting), [""; 0]);
    assert_eq!(errors(&married("M", "Single"), &exacting), ["invalid Patient.maritalStatus.coding[0]"]);
    assert_eq!(errors(&married("M", "Single"), &Options::default()), [""; 0]);
    check(patient(json!({"system": "http://snomed.info/sct", "code": "87915002"})), &[]);
    let malformed = patient(json!({"system": "http://snomed.info/sct", "code": "87915003"}));
    assert_eq!(errors(&malformed, &exacting), ["code-invalid Patient.maritalStatus.coding[0]"]);
    check(malformed, &[]);
    check(patient(json!({"system": "MaritalStatus", "code": "M"})), &["value Patient.maritalStatus.coding[0]"]);
}

#[test]
fn size_of_an_attachment_is_that_of_its_data() {
    let patient = |size: i64| json!({"resourceType": "Patient", "photo": [{"contentType": "image/png", "data": "aGVsbG8=", "size": size}]});
    let exacting = Options { exacting: true, ..Options::default() };
    assert_eq!(errors(&patient(5), &exacting), [""; 0]);
    assert_eq!(errors(&patient(6), &exacting), ["value Patient.photo[0]"]);
    assert_eq!(errors(&patient(6), &Options::default()), [""; 0]);
}

#[test]
fn answers_are_held_against_the_questionnaire() {
    let url = "http://example.org/Questionnaire/q";
    let questionnaire = json!({"resourceType": "Questionnaire", "url": url, "status": "active", "item": [
        {"linkId": "a", "type": "boolean", "required": true},
        {"linkId": "g", "type": "group", "item": [
            {"linkId": "b", "type": "string", "enableWhen": [{"question": "a", "operator": "=", "answerBoolean": true}]},
            {"linkId": "c", "type": "choice", "answerOption": [{"valueInteger": 1}, {"valueInteger": 2}]}]}]});
    let response = |items: Value| json!({"resourceType": "QuestionnaireResponse", "questionnaire": url, "status": "completed", "item": items});
    let check = |items: Value, expected: &[&str]| {
        assert_eq!(
            errors_with(std::slice::from_ref(&questionnaire), &response(items.clone()), &Options::default()),
            expected,
            "{items}"
        );
    };
    let a = |truth: bool| json!({"linkId": "a", "answer": [{"valueBoolean": truth}]});
    let group = |items: Value| json!({"linkId": "g", "item": items});
    check(json!([a(true), group(json!([{"linkId": "b", "answer": [{"valueString": "x"}]}]))]), &[]);
    check(
        json!([a(false), group(json!([{"linkId": "b", "answer": [{"valueString": "x"}]}]))]),
        &["structure QuestionnaireResponse.item[1].item[0]"],
    );
    check(
        json!([group(json!([{"linkId": "c", "answer": [{"valueInteger": 1}]}]))]),
        &["required QuestionnaireResponse"],
    );
    check(
        json!([a(true), group(json!([{"linkId": "c", "answer": [{"valueInteger": 3}]}]))]),
        &["code-invalid QuestionnaireResponse.item[1].item[0].answer[0].value"],
    );
    check(
        json!([a(true), {"linkId": "z", "answer": [{"valueString": "x"}]}]),
        &["structure QuestionnaireResponse.item[1]"],
    );
    check(
        json!([a(true), {"linkId": "c", "answer": [{"valueInteger": 1}]}]),
        &["structure QuestionnaireResponse.item[1]"],
    );
    check(
        json!([{"linkId": "a", "answer": [{"valueString": "x"}]}]),
        &["structure QuestionnaireResponse.item[0].answer[0].value"],
    );
}

#[test]
fn answers_are_held_to_the_limits_of_extensions() {
    let url = "http://example.org/Questionnaire/q";
    let hl7 = |name: &str, key: &str, value: Value| json!({"url": format!("http://hl7.org/fhir/StructureDefinition/{name}"), key: value});
    let found = |question: Value, answers: Value| {
        let questionnaire =
            json!({"resourceType": "Questionnaire", "url": url, "status": "active", "item": [question]});
        let response = json!({"resourceType": "QuestionnaireResponse", "questionnaire": url, "status": "completed",
            "item": [{"linkId": "a", "answer": answers}]});
        errors_with(&[questionnaire], &response, &Options::default()).len()
    };
    let pattern =
        json!({"linkId": "a", "type": "string", "extension": [hl7("regex", "valueString", json!("[A-Z]\\d+"))]});
    assert_eq!(found(pattern.clone(), json!([{"valueString": "A12"}])), 0);
    assert_eq!(found(pattern, json!([{"valueString": "xA12"}])), 1);
    let range = json!({"linkId": "a", "type": "integer", "repeats": true, "extension": [hl7("minValue", "valueInteger", json!(1)),
        hl7("maxValue", "valueInteger", json!(3)), hl7("questionnaire-maxOccurs", "valueInteger", json!(2))]});
    assert_eq!(found(range.clone(), json!([{"valueInteger": 1}, {"valueInteger": 3}])), 0);
    assert_eq!(found(range.clone(), json!([{"valueInteger": 0}, {"valueInteger": 4}])), 2);
    assert_eq!(found(range, json!([{"valueInteger": 1}, {"valueInteger": 1}, {"valueInteger": 2}])), 1);
}

#[test]
fn slices_are_told_by_every_kind_of_discriminator() {
    let url = "http://example.org/StructureDefinition/sliced";
    let profile = |elements: Value| {
        json!({"resourceType": "StructureDefinition", "url": url, "name": "S", "kind": "resource",
        "type": "Observation", "derivation": "constraint", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "differential": {"element": elements}})
    };
    let observation = |more: Value| {
        let mut made = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}});
        made.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        made
    };
    let options = Options { profiles: vec![url.to_owned()], ..Options::default() };
    let check = |elements: Value, more: Value, expected: &[&str]| {
        let found = errors_with(&[profile(elements)], &observation(more.clone()), &options);
        assert_eq!(found, expected, "{more}");
    };
    let by_type = json!([
        {"id": "Observation.value[x]", "path": "Observation.value[x]", "slicing": {"discriminator": [{"type": "type", "path": "$this"}], "rules": "closed"}},
        {"id": "Observation.value[x]:valueString", "path": "Observation.value[x]", "sliceName": "valueString", "type": [{"code": "string"}]}]);
    check(by_type.clone(), json!({"valueString": "x"}), &[]);
    check(by_type, json!({"valueInteger": 1}), &["structure Observation.value.ofType(integer)"]);
    let by_target = json!([
        {"id": "Observation.performer", "path": "Observation.performer", "slicing": {"discriminator": [{"type": "type", "path": "resolve()"}], "rules": "open"}},
        {"id": "Observation.performer:org", "path": "Observation.performer", "sliceName": "org", "min": 1,
            "type": [{"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Organization"]}]}]);
    check(by_target.clone(), json!({"performer": [{"reference": "Organization/1"}]}), &[]);
    check(by_target, json!({"performer": [{"reference": "Patient/1"}]}), &["required Observation"]);
    let ordered = |rules: &str, is_ordered: bool| {
        json!([
        {"id": "Observation.category", "path": "Observation.category", "slicing": {"discriminator": [{"type": "value", "path": "text"}], "rules": rules, "ordered": is_ordered}},
        {"id": "Observation.category:a", "path": "Observation.category", "sliceName": "a"},
        {"id": "Observation.category:a.text", "path": "Observation.category.text", "fixedString": "a"},
        {"id": "Observation.category:b", "path": "Observation.category", "sliceName": "b"},
        {"id": "Observation.category:b.text", "path": "Observation.category.text", "fixedString": "b"}])
    };
    let texts =
        |texts: &[&str]| json!({"category": texts.iter().map(|text| json!({"text": text})).collect::<Vec<_>>()});
    check(ordered("open", true), texts(&["a", "x", "b"]), &[]);
    check(ordered("open", true), texts(&["b", "a"]), &["structure Observation.category[1]"]);
    check(ordered("openAtEnd", false), texts(&["b", "a", "x"]), &[]);
    check(ordered("openAtEnd", false), texts(&["x", "a"]), &["structure Observation.category[1]"]);
    let by_presence = json!([
        {"id": "Observation.component", "path": "Observation.component", "slicing": {"discriminator": [{"type": "exists", "path": "dataAbsentReason"}], "rules": "open"}},
        {"id": "Observation.component:absent", "path": "Observation.component", "sliceName": "absent", "max": "1"},
        {"id": "Observation.component:absent.dataAbsentReason", "path": "Observation.component.dataAbsentReason", "min": 1}]);
    let absent = json!({"code": {"text": "x"}, "dataAbsentReason": {"text": "x"}});
    check(by_presence.clone(), json!({"component": [absent, {"code": {"text": "y"}}]}), &[]);
    check(by_presence, json!({"component": [absent, absent]}), &["structure Observation"]);
    let resliced = json!([
        {"id": "Observation.category", "path": "Observation.category", "slicing": {"discriminator": [{"type": "value", "path": "text"}], "rules": "open"}},
        {"id": "Observation.category:a", "path": "Observation.category", "sliceName": "a", "slicing": {"discriminator": [{"type": "value", "path": "id"}], "rules": "open"}},
        {"id": "Observation.category:a.text", "path": "Observation.category.text", "fixedString": "a"},
        {"id": "Observation.category:a/one", "path": "Observation.category", "sliceName": "a/one", "max": "1"},
        {"id": "Observation.category:a/one.id", "path": "Observation.category.id", "fixedString": "one"}]);
    let one = |id: &str| json!({"id": id, "text": "a"});
    check(resliced.clone(), json!({"category": [one("one"), one("two"), one("two")]}), &[]);
    check(resliced, json!({"category": [one("one"), one("one")]}), &["structure Observation"]);
}

#[test]
fn limits_of_a_profile_hold() {
    let url = "http://example.org/StructureDefinition/limited";
    let profile = json!({"resourceType": "StructureDefinition", "url": url, "name": "L", "kind": "resource", "type": "Observation",
        "derivation": "constraint", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation", "differential": {"element": [
            {"id": "Observation.value[x]", "path": "Observation.value[x]", "minValueQuantity": {"value": 0, "code": "kg"}, "maxValueQuantity": {"value": 10, "code": "kg"}},
            {"id": "Observation.code.text", "path": "Observation.code.text", "maxLength": 3}]}});
    let options = Options { profiles: vec![url.to_owned()], ..Options::default() };
    let found = |value: i64, text: &str| {
        let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": text},
            "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "g"}});
        errors_with(std::slice::from_ref(&profile), &observation, &options)
    };
    assert_eq!(found(9000, "abc"), [""; 0]);
    assert_eq!(found(-1, "abc"), ["value Observation.value.ofType(Quantity)"]);
    assert_eq!(found(11_000, "abcd").len(), 2);
}

#[test]
fn a_definition_at_fault_is_named_with_its_element() {
    let url = "http://example.org/StructureDefinition/p";
    let profile = |base: &str, type_name: &str, element: Value| {
        json!({"resourceType": "StructureDefinition", "url": url, "name": "P",
        "kind": "resource", "type": type_name, "derivation": "constraint", "baseDefinition": base, "differential": {"element": [element]}})
    };
    let base = "http://hl7.org/fhir/StructureDefinition/Patient";
    let plain = json!({"id": "Patient", "path": "Patient"});
    let options = Options { profiles: vec![url.to_owned()], ..Options::default() };
    let patient = json!({"resourceType": "Patient"});
    let found = |definition: Value| {
        let base = Definitions::r4().expect("the base definitions load");
        let definitions = base.with_overlay(vec![definition]).expect("the definitions are taken");
        let issues = Validator::new(Arc::new(definitions)).issues(&Json::from_value(&patient), &options);
        issues.into_iter().filter(fhir::Issue::is_error).map(|issue| issue.diagnostics).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(found(profile(base, "Patient", plain.clone())), "");
    assert!(found(profile(url, "Patient", plain.clone())).contains("derives from itself"));
    assert!(
        found(profile("http://example.org/gone", "Patient", plain.clone()))
            .contains("`http://example.org/gone` is not known here")
    );
    assert!(found(profile(base, "Pateint", plain)).contains("`Pateint`"));
    let element = |more: Value| {
        let mut made = json!({"id": "Patient.name", "path": "Patient.name"});
        made.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        made
    };
    assert!(
        found(profile(base, "Patient", element(json!({"min": 2, "max": "1"}))))
            .contains("element `Patient.name`: `min` is 2")
    );
    let unknown = json!({"id": "Patient.nam", "path": "Patient.nam"});
    assert!(found(profile(base, "Patient", unknown)).contains("element `Patient.nam`: there is no `nam`"));
}

#[test]
fn deep_and_large_input_ends_in_an_issue() {
    let deep = format!("{}{}", "{\"resourceType\":\"Patient\",\"extension\":[".repeat(500), "]}".repeat(500));
    let issues = crate::validator().validate_text(deep.as_bytes(), &Options::default());
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0].severity, fhir::Severity::Fatal);
    // Fifty megabytes in one resource, each item wrong: the issues stay countable.
    let name = "{\"familly\":\"x\"},".repeat(3_300_000);
    let large = format!("{{\"resourceType\":\"Patient\",\"name\":[{}]}}", name.trim_end_matches(','));
    assert!(large.len() > 50_000_000);
    let issues = crate::validator().validate_text(large.as_bytes(), &Options::default());
    assert!(!issues.is_empty() && issues.len() <= 1000, "{}", issues.len());
}

#[test]
fn a_pattern_that_cannot_be_compiled_is_tried_once() {
    let url = "http://example.org/Questionnaire/q";
    let regex = json!([{"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": r"(\w{1,60}){1,40}"}]);
    let questions: Vec<Value> =
        (0..500).map(|n| json!({"linkId": format!("q{n}"), "type": "string", "extension": regex})).collect();
    let answers: Vec<Value> =
        (0..500).map(|n| json!({"linkId": format!("q{n}"), "answer": [{"valueString": "x"}]})).collect();
    let form = json!({"resourceType": "Questionnaire", "url": url, "status": "active", "item": questions});
    let response =
        json!({"resourceType": "QuestionnaireResponse", "questionnaire": url, "status": "completed", "item": answers});
    let begin = std::time::Instant::now();
    assert_eq!(errors_with(&[form], &response, &Options::default()), [""; 0]);
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}

/// `contentReference` always means the unconstrained element (ElementDefinition.contentReference), so a rule on `item` says nothing of
/// `item.item`, and one on `item.item` nothing of the items below that.
#[test]
fn rules_below_a_content_reference_hold_where_their_path_says() {
    let rules = |path: &str| {
        let url = "http://example.org/StructureDefinition/form";
        let profile = json!({"resourceType": "StructureDefinition", "url": url, "name": "Form", "status": "active", "kind": "resource",
            "abstract": false, "type": "Questionnaire", "derivation": "constraint",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Questionnaire", "differential": {"element": [
            {"id": path, "path": path, "constraint": [{"key": "x-1", "severity": "error", "human": "x", "expression": "text.exists()"}]},
            {"id": format!("{path}.prefix"), "path": format!("{path}.prefix"), "min": 1}]}});
        let form = json!({"resourceType": "Questionnaire", "status": "active", "item": [{"linkId": "1", "type": "group", "item":
            [{"linkId": "2", "type": "group", "item": [{"linkId": "3", "type": "string"}]}]}]});
        errors_with(&[profile], &form, &Options { profiles: vec![url.to_owned()], ..Options::default() })
    };
    let at = |path: &str| [format!("invariant {path}"), format!("required {path}")];
    assert_eq!(rules("Questionnaire.item"), at("Questionnaire.item[0]"));
    assert_eq!(rules("Questionnaire.item.item"), at("Questionnaire.item[0].item[0]"));
    assert_eq!(rules("Questionnaire.item.item.item"), at("Questionnaire.item[0].item[0].item[0]"));
}

#[test]
fn parameters_of_an_operation_do_not_conflict_with_their_profiles() {
    let url = "http://example.org/StructureDefinition/parameters";
    let at = |name: &str| format!("Parameters.parameter{name}");
    let profile = json!({"resourceType": "StructureDefinition", "url": url, "name": "P", "status": "active", "kind": "resource",
        "abstract": false, "type": "Parameters", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Parameters", "differential": {"element": [
        {"id": at(""), "path": at(""), "slicing": {"discriminator": [{"type": "value", "path": "name"}], "rules": "open"}},
        {"id": at(":a"), "path": at(""), "sliceName": "a", "min": 1, "max": "2"},
        {"id": at(":a.name"), "path": at(".name"), "fixedString": "a"},
        {"id": at(":a.value[x]"), "path": at(".value[x]"), "max": "0"},
        {"id": at(":a.resource"), "path": at(".resource"), "type": [{"code": "Patient"}]}]}});
    let operation = |parameter: Value| {
        let mut made = json!({"name": "a", "use": "in", "min": 1, "max": "2", "type": "Patient"});
        made.as_object_mut().expect("an object").extend(parameter.as_object().expect("an object").clone());
        json!({"resourceType": "OperationDefinition", "name": "Op", "status": "active", "kind": "operation", "code": "op", "system": true,
            "type": false, "instance": false, "inputProfile": url, "parameter": [made]})
    };
    let exacting = Options { exacting: true, ..Options::default() };
    let found = |parameter: Value, options: &Options| {
        errors_with(std::slice::from_ref(&profile), &operation(parameter), options).len()
    };
    for (parameter, conflicts, differences) in [
        (json!({}), 0, 0),
        (json!({"type": "Resource"}), 0, 0),
        (json!({"type": "Observation"}), 1, 1),
        (json!({"min": 0, "max": "*"}), 0, 2),
        (json!({"min": 0, "max": "0"}), 1, 2),
        (json!({"min": 3, "max": "*"}), 1, 2),
        (json!({"use": "out", "type": "Observation"}), 0, 0),
        (json!({"name": "b", "type": "Observation"}), 0, 0),
    ] {
        assert_eq!(found(parameter.clone(), &Options::default()), conflicts, "{parameter}");
        assert_eq!(found(parameter.clone(), &exacting), differences, "{parameter}");
    }
}
