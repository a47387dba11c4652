//! Where extensions may stand: contexts of each kind, and the rules on what carries them.

use fhir::Severity;
use profiles::Options;
use serde_json::{Value, json};

use crate::{errors, issues_with, told};

const URL: &str = "https://weir.test/StructureDefinition/e";
const OUTER: &str = "https://weir.test/StructureDefinition/outer";

fn definition(url: &str, context: Value, invariants: Value) -> Value {
    json!({"resourceType": "StructureDefinition", "url": url, "name": "E", "status": "active", "kind": "complex-type", "abstract": false,
        "type": "Extension", "derivation": "constraint", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "context": context, "contextInvariant": invariants, "differential": {"element": [
            {"id": "Extension", "path": "Extension"}, {"id": "Extension.url", "path": "Extension.url", "fixedUri": url}]}})
}

/// What the command says of a resource with the extension, defined with these contexts and rules.
fn check(contexts: &Value, invariants: &[&str], resource: &Value, expected: &[&str]) {
    let outer = definition(OUTER, json!([{"type": "element", "expression": "Element"}]), json!([]));
    let support = [definition(URL, contexts.clone(), json!(invariants)), outer];
    let exacting = Options { exacting: true, ..Options::default() };
    assert_eq!(told(&issues_with(&support, resource, &exacting)), expected, "{contexts} {invariants:?} {resource}");
    // A write takes it, and says so.
    let found = issues_with(&support, resource, &Options::default());
    assert_eq!(told(&found), [""; 0], "{contexts} {invariants:?} {resource}");
    let warnings = found.iter().filter(|issue| issue.code == "extension" && issue.severity == Severity::Warning);
    assert_eq!(warnings.count(), expected.len(), "{found:?}");
}

fn own() -> Value {
    json!([{"url": URL, "valueString": "x"}])
}

fn patient(more: &Value) -> Value {
    let mut made = json!({"resourceType": "Patient", "active": true});
    made.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    made
}

#[test]
fn a_path_leads_to_what_carries_the_extension() {
    let by = |expression: &str| json!([{"type": "fhirpath", "expression": expression}]);
    let official = patient(&json!({"name": [{"use": "official", "text": "x", "extension": own()}]}));
    check(&by("Patient.name.where(use = 'official')"), &[], &official, &[]);
    check(&by("Patient.name.where(use = 'old')"), &[], &official, &["extension Patient.name[0].extension[0]"]);
    check(&by("Patient.contact.name"), &[], &official, &["extension Patient.name[0].extension[0]"]);
    let several =
        json!([{"type": "fhirpath", "expression": "Patient.photo"}, {"type": "fhirpath", "expression": "name"}]);
    check(&several, &[], &official, &[]);
    // A primitive carries it beside its value.
    let born = patient(&json!({"birthDate": "2020-01-01", "_birthDate": {"extension": own()}}));
    check(&by("Patient.birthDate"), &[], &born, &[]);
    check(&by("Patient.gender"), &[], &born, &["extension Patient.birthDate.extension[0]"]);
    let unborn = patient(&json!({"_birthDate": {"extension": own()}}));
    check(&by("Patient.birthDate"), &[], &unborn, &[]);
}

#[test]
fn many_extensions_ask_for_their_place_once() {
    let names = vec![json!({"text": "x", "extension": own()}); 20_000];
    let by = json!([{"type": "fhirpath", "expression": "Patient.name.where(text = 'x')"}]);
    let begin = std::time::Instant::now();
    check(&by, &[], &patient(&json!({"name": names})), &[]);
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
}

#[test]
fn an_extension_may_be_made_for_another() {
    let within = json!([{"type": "extension", "expression": OUTER}]);
    let nested = patient(&json!({"extension": [{"url": OUTER, "extension": own()}]}));
    check(&within, &[], &nested, &[]);
    check(&within, &[], &patient(&json!({"extension": own()})), &["extension Patient.extension[0]"]);
    let elsewhere = json!([{"type": "extension", "expression": "https://weir.test/StructureDefinition/other"}]);
    check(&elsewhere, &[], &nested, &["extension Patient.extension[0].extension[0]"]);
}

#[test]
fn what_carries_the_extension_is_held_to_its_rules() {
    let anywhere = json!([{"type": "element", "expression": "Element"}]);
    let named = |text: &str| patient(&json!({"name": [{"use": "official", "text": text, "extension": own()}]}));
    let at = ["extension Patient.name[0].extension[0]"];
    check(&anywhere, &["text = 'x'"], &named("x"), &[]);
    check(&anywhere, &["text = 'x'"], &named("y"), &at);
    check(&anywhere, &["use.exists()", "text = 'x'"], &named("y"), &at);
    check(&anywhere, &["%extension.value = 'x' and %resource.active"], &named("x"), &[]);
    check(&anywhere, &["%extension.value = 'y'"], &named("x"), &at);
    // Without an answer it does not hold.
    check(&anywhere, &["family = 'x'"], &named("x"), &at);
    let born = patient(&json!({"birthDate": "2020-01-01", "_birthDate": {"extension": own()}}));
    check(&anywhere, &["$this > @2019-01-01"], &born, &[]);
    check(&anywhere, &["$this > @2021-01-01"], &born, &["extension Patient.birthDate.extension[0]"]);
    let contact = patient(&json!({"contact": [{"name": {"text": "x"}, "extension": own()}]}));
    check(&anywhere, &["name.text = 'x'"], &contact, &[]);
}

#[test]
fn what_cannot_be_read_is_told_and_lets_pass() {
    let unread = json!([{"type": "fhirpath", "expression": "Patient.("}]);
    let support = [definition(URL, unread, json!(["name.("]))];
    let exacting = Options { exacting: true, ..Options::default() };
    let found = issues_with(&support, &patient(&json!({"extension": own()})), &exacting);
    assert_eq!(told(&found), [""; 0]);
    let warnings: Vec<_> = found.iter().filter(|issue| issue.code == "processing").collect();
    assert!(!warnings.is_empty(), "{found:?}");
    assert!(warnings[0].diagnostics.contains("cannot be evaluated"), "{warnings:?}");
}

#[test]
fn extensions_of_hl7_are_those_that_hl7_has() {
    let hl7 = |name: &str| format!("http://hl7.org/fhir/StructureDefinition/{name}");
    let held =
        |name: &str, member: &str, value: Value| patient(&json!({"extension": [{"url": hl7(name), member: value}]}));
    let exacting = Options { exacting: true, ..Options::default() };
    let check = |resource: Value, on_write: &[&str], by_command: &[&str]| {
        assert_eq!(errors(&resource, &Options::default()), on_write, "on a write: {resource}");
        assert_eq!(errors(&resource, &exacting), by_command, "by the command: {resource}");
    };
    let at = "extension Patient.extension[0]";
    check(held("patient-cadavericDonor", "valueBoolean", json!(true)), &[], &[]);
    check(held("patient-nope", "valueBoolean", json!(true)), &[], &[at]);
    // One that came after R4.
    check(held("patient-knownNonDuplicate", "valueReference", json!({"reference": "Patient/1"})), &[], &[]);
    let wrong = "value Patient.extension[0].value.ofType(string)";
    check(held("patient-knownNonDuplicate", "valueString", json!("2")), &[wrong], &[wrong]);
    // R4 has it on the evidence itself, and its successors on the action.
    let plan = |place: &str| {
        let quality = json!([{"url": hl7("cqf-qualityOfEvidence"), "valueCodeableConcept": {"text": "x"}}]);
        let mut action = json!({"documentation": [{"type": "citation", "document": {"url": "https://weir.test/d"}}]});
        action.pointer_mut(place).expect("a place")["extension"] = quality;
        json!({"resourceType": "PlanDefinition", "name": "P", "status": "draft", "action": [action]})
    };
    check(plan("/documentation/0/document"), &[], &[]);
    check(plan(""), &[], &[]);
    check(plan("/documentation/0"), &[], &["extension PlanDefinition.action[0].documentation[0].extension[0]"]);
    // It stands on the date of birth.
    check(held("patient-birthTime", "valueDateTime", json!("2020-01-01T10:00:00Z")), &[], &[at]);
}

#[test]
fn values_that_a_definition_shows_may_carry_any_extension() {
    let unit = json!([{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "2020-01-01T10:00:00Z"}]);
    let element = |member: &str| {
        json!({"resourceType": "StructureDefinition", "url": URL, "name": "P", "status": "active", "kind": "resource", "abstract": false,
            "type": "Patient", "derivation": "constraint", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
            "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", member: {"text": "x", "extension": unit}}]}})
    };
    let exacting = Options { exacting: true, ..Options::default() };
    assert_eq!(errors(&element("patternHumanName"), &exacting), [""; 0]);
    let on_element = json!({"resourceType": "Patient", "name": [{"text": "x", "extension": unit}]});
    assert_eq!(errors(&on_element, &exacting), ["extension Patient.name[0].extension[0]"]);
}
