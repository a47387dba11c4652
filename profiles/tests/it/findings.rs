//! Right input that was once refused, and wrong input that once passed: what the reference says of each.

use std::sync::Arc;

use definitions::Definitions;
use fhir::{Instant, Issue, Json, Severity};
use profiles::{ISSUE_COUNT_MAX, Options, Validator};
use serde_json::{Value, json};

use crate::{by_profile, errors, issues};

/// 1 January 2026.
const NOW: Instant = Instant(1_767_225_600_000);

fn exacting() -> Options {
    Options { exacting: true, now: Some(NOW), ..Options::default() }
}

/// What a write finds, then what the command finds.
fn check(resource: Value, on_write: &[&str], by_command: &[&str]) {
    assert_eq!(errors(&resource, &Options::default()), on_write, "on a write: {resource}");
    assert_eq!(errors(&resource, &exacting()), by_command, "by the command: {resource}");
}

fn warnings(resource: &Value, options: &Options) -> Vec<String> {
    let found = issues(resource, options).into_iter().filter(|issue| issue.severity == Severity::Warning);
    found.map(|issue| format!("{} {}", issue.code, issue.expression.unwrap_or_default())).collect()
}

#[test]
fn a_primitive_with_a_value_may_have_an_id_alone() {
    check(json!({"resourceType": "Patient", "birthDate": "2020-01-01", "_birthDate": {"id": "a"}}), &[], &[]);
    check(json!({"resourceType": "Patient", "name": [{"given": ["A", "B"], "_given": [{"id": "a"}, null]}]}), &[], &[]);
    let bare = ["invariant Patient.birthDate"];
    check(json!({"resourceType": "Patient", "_birthDate": {"id": "a"}}), &bare, &bare);
}

#[test]
fn white_space_alone_is_text() {
    let patient = |line: &str| json!({"resourceType": "Patient", "address": [{"line": ["1 High St", line]}]});
    for line in [" ", " Leeds"] {
        check(patient(line), &[], &[]);
        assert_eq!(warnings(&patient(line), &Options::default()), ["value Patient.address[0].line[1]"]);
    }
    check(patient(""), &["value Patient.address[0].line[1]"], &["value Patient.address[0].line[1]"]);
}

#[test]
fn a_text_has_a_greatest_length() {
    let patient = |length: usize| json!({"resourceType": "Patient", "name": [{"text": "é".repeat(length)}]});
    check(patient(1_048_576), &[], &[]);
    check(patient(1_048_577), &[], &["too-long Patient.name[0].text"]);
}

#[test]
fn values_and_extensions_may_differ_in_number() {
    let masked = json!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]});
    let patient = json!({"resourceType": "Patient", "name": [{"given": ["A", "B"], "_given": [masked]}]});
    check(patient.clone(), &[], &[]);
    assert_eq!(warnings(&patient, &Options::default()), ["structure Patient.name[0].given"]);
}

#[test]
fn an_end_may_be_the_day_that_the_start_lies_in() {
    let encounter = |start: &str, end: &str| json!({"resourceType": "Encounter", "status": "finished", "class": {"display": "x"}, "period": {"start": start, "end": end}});
    let wrong = ["invariant Encounter.period"];
    for (start, end) in
        [("2020-02-05T10:00:00Z", "2020-02-05"), ("2001", "2001-03"), ("2020-02-05T23:30:00-05:00", "2020-02-05")]
    {
        check(encounter(start, end), &[], &wrong);
    }
    for (start, end) in [("2020-02-07T10:00:00Z", "2020-02-05"), ("2020-02-06", "2020-02-05"), ("2002", "2001-03")] {
        check(encounter(start, end), &wrong, &wrong);
    }
}

#[test]
fn a_type_is_not_one_derived_from_it() {
    let patient = |member: &str, value: &str| {
        let mut extension = json!({"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"});
        extension[member] = json!(value);
        json!({"resourceType": "Patient", "extension": [extension]})
    };
    check(patient("valueString", "x"), &[], &[]);
    for member in ["valueCode", "valueMarkdown", "valueId"] {
        let at = member.trim_start_matches("value");
        let at = at[..1].to_lowercase() + &at[1..];
        let wrong = format!("value Patient.extension[0].value.ofType({at})");
        check(patient(member, "x"), &[&wrong], &[&wrong]);
    }
}

#[test]
fn a_complex_extension_has_the_parts_of_its_definition() {
    let patient = |part: &str| {
        json!({"resourceType": "Patient", "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-nationality",
            "extension": [{"url": part, "valueCodeableConcept": {"text": "x"}}]}]})
    };
    check(patient("code"), &[], &[]);
    check(patient("nope"), &[], &["extension Patient.extension[0].extension[0]"]);
    assert_eq!(warnings(&patient("nope"), &Options::default()), ["extension Patient.extension[0].extension[0]"]);
}

#[test]
fn a_rule_without_an_answer_does_not_hold() {
    let questionnaire = json!({"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "a", "type": "string",
        "text": "x", "initial": [{"valueString": "1"}, {"valueString": "2"}]}]});
    check(questionnaire, &["invariant Questionnaire.item[0]"], &["invariant Questionnaire.item[0]"]);
    // What is not there is none of these rules' business.
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}]});
    check(bundle, &[], &[]);
    let assessment = json!({"resourceType": "RiskAssessment", "status": "final", "subject": {"display": "x"}, "prediction": [{"rationale": "x"}]});
    check(assessment, &[], &[]);
}

#[test]
fn rules_know_the_clock() {
    let elements = json!([{"id": "Patient", "path": "Patient", "constraint": [{"key": "p-1", "severity": "error",
        "human": "Nobody is born tomorrow", "expression": "birthDate.empty() or birthDate <= today()"}]}]);
    let born = |date: &str| json!({"resourceType": "Patient", "birthDate": date});
    let found = |date: &str, options: &Options| {
        let found = by_profile(&elements, &born(date), options);
        found.iter().map(|issue| (issue.severity, issue.code.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(found("2020-01-01", &exacting()), []);
    assert_eq!(found("2999-01-01", &exacting()), [(Severity::Error, "invariant".to_owned())]);
    // Without a clock it is said that the rule was not looked at.
    assert_eq!(found("2999-01-01", &Options::default()), [(Severity::Warning, "processing".to_owned())]);
}

#[test]
fn entries_of_a_large_bundle_are_told_apart() {
    let entry = |number: usize| {
        json!({"fullUrl": format!("https://weir.test/Basic/{number}"), "resource": {"resourceType": "Basic",
        "id": number.to_string(), "code": {"text": "x"}}})
    };
    let mut entries: Vec<Value> = (0..2_000).map(entry).collect();
    entries.push(entry(7));
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    let found = issues(&bundle, &Options::default());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].rule.as_deref(), Some("http://hl7.org/fhir/StructureDefinition/Bundle#bdl-7"));
    assert!(found[0].diagnostics.contains("entry[2000]"), "{found:?}");
    let response = json!({"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": "x"},
        "response": {"status": "200"}}, {"response": {"status": "200"}}]});
    let found: Vec<String> =
        issues(&response, &Options::default()).into_iter().filter_map(|issue| issue.rule).collect();
    let rule = |key: &str| format!("http://hl7.org/fhir/StructureDefinition/Bundle#{key}");
    assert_eq!(found, [rule("bdl-3"), rule("bdl-4")]);
}

#[test]
fn a_rule_that_does_not_hold_says_what_it_asks() {
    let elements = json!([{"id": "Patient", "path": "Patient", "constraint": [
        {"key": "p-1", "severity": "error", "human": "Everybody has a name", "expression": "name.exists() and true"},
        {"key": "p-2", "severity": "error", "expression": "gender.exists() and true"}]}]);
    let found = by_profile(&elements, &json!({"resourceType": "Patient", "active": true}), &exacting());
    let found: Vec<&str> = found.iter().map(|issue| &*issue.diagnostics).collect();
    assert_eq!(
        found,
        [
            "the rule `p-1` does not hold: Everybody has a name",
            "the rule `p-2` does not hold: `gender.exists() and true`"
        ]
    );
}

#[test]
fn only_what_repeats_is_answered_in_several_items() {
    let url = "http://example.org/Questionnaire/q";
    let item = |id: &str, repeats: bool| json!({"linkId": id, "type": "string", "repeats": repeats});
    let form = json!({"resourceType": "Questionnaire", "url": url, "status": "active", "item": [item("a", false), item("b", true)]});
    let base = Definitions::r4().expect("the base definitions load");
    let validator = Validator::new(Arc::new(base)).with_resources([Json::from_value(&form)]);
    let found = |id: &str| {
        let item = json!({"linkId": id, "answer": [{"valueString": "x"}]});
        let response = json!({"resourceType": "QuestionnaireResponse", "questionnaire": url, "status": "completed", "item": [item, item]});
        let found = validator.issues(&Json::from_value(&response), &Options::default());
        found.into_iter().filter(Issue::is_error).map(|issue| issue.diagnostics.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found("a"), ["the item `a` may be given once only"]);
    assert_eq!(found("b"), [""; 0]);
}

#[test]
fn canonical_urls_are_absolute() {
    let plan =
        |library: &str| json!({"resourceType": "PlanDefinition", "name": "P", "status": "draft", "library": [library]});
    for good in ["http://example.org/Library/1|2", "urn:uuid:8d5f1f0c-5f4f-4b0e-9f3b-0d7c1c0d7f55", "#a"] {
        let contained = json!([{"resourceType": "Library", "id": "a", "name": "L", "status": "draft", "type": {"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]}}]);
        let mut plan = plan(good);
        if good == "#a" {
            plan["contained"] = contained;
        }
        check(plan.clone(), &[], &[]);
        assert_eq!(warnings(&plan, &Options::default()), [""; 0]);
    }
    for bad in ["foo", "Library/1"] {
        check(plan(bad), &[], &["value PlanDefinition.library[0]"]);
        assert_eq!(warnings(&plan(bad), &Options::default()), ["value PlanDefinition.library[0]"]);
    }
    let claimed = json!({"resourceType": "Basic", "meta": {"profile": ["Patient"]}, "code": {"text": "x"}});
    check(claimed, &[], &["value Basic.meta.profile[0]"]);
}

#[test]
fn units_are_those_of_ucum() {
    let observation = |system: &str, code: &str| {
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "valueQuantity": {"value": 1, "system": system, "code": code}})
    };
    let (ucum, own) = ("http://unitsofmeasure.org", "http://example.org/units");
    for (system, code) in [(ucum, "mm[Hg]"), (ucum, "10*9/L"), (ucum, "{score}"), (own, "mmHg")] {
        check(observation(system, code), &[], &[]);
    }
    let wrong = ["code-invalid Observation.value.ofType(Quantity)"];
    check(observation(ucum, "mmHg"), &[], &wrong);
    assert_eq!(warnings(&observation(ucum, "mmHg"), &Options::default()), wrong);
}

#[test]
fn units_that_definitions_list_are_those_of_ucum() {
    let set = |code: &str| {
        json!({"resourceType": "ValueSet", "status": "draft", "compose": {"include": [
            {"system": "http://unitsofmeasure.org", "concept": [{"code": code}]}]}})
    };
    for right in ["mm[Hg]", "10*9/L", "{score}", "{CAG repeats}", "cm"] {
        check(set(right), &[], &[]);
    }
    for wrong in ["mmHg", "centimetre", "tablet"] {
        check(set(wrong), &[], &["code-invalid ValueSet.compose.include[0].concept[0]"]);
    }
}

#[test]
fn a_unit_is_held_to_the_value_set_that_it_is_bound_to() {
    let found = |strength: &str, value_set: &str, code: &str| {
        let elements = json!([{"id": "Observation.value[x]", "path": "Observation.value[x]", "type": [{"code": "Quantity"}]},
            {"id": "Observation.value[x].code", "path": "Observation.value[x].code",
                "binding": {"strength": strength, "valueSet": format!("http://hl7.org/fhir/ValueSet/{value_set}")}}]);
        // By a system of its own the unit itself is nobody's business.
        let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "valueQuantity": {"value": 1, "system": "https://weir.test/units", "code": code}});
        let found = by_profile(&elements, &observation, &Options::default());
        let found = found.iter().filter(|issue| issue.code == "code-invalid");
        found.map(|issue| issue.severity).collect::<Vec<_>>()
    };
    assert_eq!(found("required", "ucum-units", "mm[Hg]"), []);
    assert_eq!(found("required", "ucum-units", "mmHg"), [Severity::Error]);
    assert_eq!(found("extensible", "ucum-units", "mmHg"), [Severity::Warning]);
    assert_eq!(found("required", "units-of-time", "h"), []);
    assert_eq!(found("required", "units-of-time", "hour"), [Severity::Error]);
}

#[test]
fn the_entries_of_a_document_hang_together() {
    let entry = |name: &str, mut resource: Value| {
        resource["id"] = json!(name);
        let url = format!("https://weir.test/{}/{name}", resource["resourceType"].as_str().expect("a type"));
        json!({"fullUrl": url, "resource": resource})
    };
    let observation = |subject: &str| {
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": format!("Patient/{subject}")}})
    };
    let patient = || json!({"resourceType": "Patient", "active": true});
    let document = |last: Value| {
        let composition = json!({"resourceType": "Composition", "status": "final", "type": {"text": "x"}, "date": "2020-01-01",
            "title": "x", "subject": {"reference": "Patient/p"}, "author": [{"display": "x"}]});
        json!({"resourceType": "Bundle", "type": "document", "timestamp": "2020-01-01T00:00:00Z",
            "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:8d5f1f0c-5f4f-4b0e-9f3b-0d7c1c0d7f55"},
            "entry": [entry("c", composition), entry("p", patient()), entry("back", observation("p")), last]})
    };
    check(document(entry("o", observation("p"))), &[], &[]);
    let versioned =
        json!({"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": "Patient/p/_history/1"}});
    check(document(entry("v", versioned)), &[], &[]);
    let alone = document(entry("other", patient()));
    check(alone.clone(), &[], &["structure Bundle.entry[3]"]);
    assert_eq!(warnings(&alone, &Options::default()), ["structure Bundle.entry[3]"]);
    // Two that name each other alone are alone together.
    let mut pair = document(entry("o", observation("q")));
    pair["entry"].as_array_mut().expect("entries").push(entry("q", patient()));
    check(pair, &[], &["structure Bundle.entry[3]", "structure Bundle.entry[4]"]);
    let message = json!({"resourceType": "Bundle", "type": "message", "entry": [
        entry("h", json!({"resourceType": "MessageHeader", "eventUri": "https://weir.test/e", "source": {"endpoint": "https://weir.test/s"}})),
        entry("p", patient())]});
    check(message.clone(), &[], &[]);
    assert_eq!(warnings(&message, &exacting()), ["structure Bundle.entry[1]"]);
}

#[test]
fn errors_that_are_not_told_are_told_of() {
    let found = |count: usize| {
        let names: Vec<Value> = (0..count).map(|_| json!({"use": "nope"})).collect();
        let found = issues(&json!({"resourceType": "Patient", "name": names}), &Options::default());
        found.into_iter().filter(Issue::is_error).collect::<Vec<_>>()
    };
    let at_most = found(ISSUE_COUNT_MAX);
    assert_eq!(at_most.len(), ISSUE_COUNT_MAX);
    assert!(at_most.iter().all(|issue| issue.code == "code-invalid"), "{at_most:?}");
    let more = found(ISSUE_COUNT_MAX + 20);
    assert_eq!(more.len(), ISSUE_COUNT_MAX + 1);
    let last = more.last().expect("an issue");
    assert_eq!(last.diagnostics, "there are more than 500 errors; the others are not told");
}

#[test]
fn notes_that_are_not_told_are_told_of() {
    let lines = vec![" "; ISSUE_COUNT_MAX + 1];
    let found = issues(&json!({"resourceType": "Patient", "address": [{"line": lines}]}), &Options::default());
    assert_eq!(found.len(), ISSUE_COUNT_MAX + 1);
    let last = found.last().expect("an issue");
    assert_eq!((last.severity, last.code), (Severity::Information, "too-costly"));
}
