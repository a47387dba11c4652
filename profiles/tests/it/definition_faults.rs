//! Profiles that contradict what they derive from, or cannot mean anything.

use definitions::{Definitions, ProfileDef, facts};
use profiles::{Gravity, Options, definition_faults};
use serde_json::{Value, json};

use crate::{errors, validator};

fn profile(base: &str, elements: Value) -> Value {
    json!({"resourceType": "StructureDefinition", "url": "http://weir.test/StructureDefinition/p", "name": "P", "status": "active",
        "kind": "resource", "abstract": false, "type": "Patient", "derivation": "constraint", "baseDefinition": base,
        "differential": {"element": elements}})
}

fn with_one(mut more: Value) -> Value {
    if more.get("id").is_none() {
        more["id"] = more["path"].clone();
    }
    json!([{"id": "Patient", "path": "Patient"}, more])
}

const PATIENT: &str = "http://hl7.org/fhir/StructureDefinition/Patient";

#[test]
fn a_profile_may_not_contradict_its_base() {
    let middle = json!([{"id": "Patient", "path": "Patient"},
        {"id": "Patient.name", "path": "Patient.name", "min": 1, "max": "1"},
        {"id": "Patient.gender", "path": "Patient.gender", "fixedCode": "male"},
        {"id": "Patient.maritalStatus", "path": "Patient.maritalStatus", "patternCodeableConcept": {"text": "x"}}]);
    let mut middle = profile(PATIENT, middle);
    let url = "http://weir.test/StructureDefinition/middle";
    middle["url"] = json!(url);
    let base = Definitions::r4().expect("the base definitions load").with_overlay(vec![middle]).expect("it is taken");
    let found = |element: Value| -> Vec<String> {
        let own: ProfileDef = facts::profile(&profile(url, with_one(element))).expect("it is a profile");
        let found = definition_faults(&own, &base).into_iter().filter(|fault| fault.gravity == Gravity::Wrong);
        found.map(|fault| fault.to_string()).collect()
    };
    for (element, said) in [
        (json!({"path": "Patient.name", "max": "5"}), "element `Patient.name`: `max` is 5, the base allows 1"),
        (json!({"path": "Patient.name", "min": 0}), "element `Patient.name`: `min` is 0, the base requires 1"),
        (
            json!({"path": "Patient.gender", "fixedCode": "female"}),
            "element `Patient.gender`: `fixedCode` contradicts what the base fixes",
        ),
        (
            json!({"path": "Patient.maritalStatus", "fixedCodeableConcept": {"text": "y"}}),
            "element `Patient.maritalStatus`: `fixedCodeableConcept` contradicts what the base fixes",
        ),
        (
            json!({"path": "Patient.name", "type": [{"code": "Address"}]}),
            "element `Patient.name`: its type `Address` is not one that the base allows: HumanName",
        ),
        (
            json!({"path": "Patient.name", "type": [{"code": "Nope"}]}),
            "element `Patient.name`: its type `Nope` is not a type of FHIR R4",
        ),
        (
            json!({"path": "Patient.name", "fixedString": "x"}),
            "element `Patient.name`: `fixedString` does not fit its type, HumanName",
        ),
        (
            json!({"path": "Patient.gender", "binding": {"strength": "example"}}),
            "element `Patient.gender`: its binding is `example`, that of the base is `required`",
        ),
        (json!({"id": "Patient.name"}), "an element has no `path`"),
        (json!({"path": "Observation.name"}), "element `Observation.name`: the path does not start with `Patient`"),
        (
            json!({"path": "Patient.identifier", "slicing": {"discriminator": [{"type": "value", "path": "nope.x("}], "rules": "open"}}),
            "element `Patient.identifier`: the discriminator `nope.x(` cannot be read",
        ),
    ] {
        assert_eq!(found(element), [said]);
    }
    let rule = json!({"path": "Patient.name", "constraint": [{"key": "p-1", "severity": "error", "human": "x", "expression": "foo.bar("}]});
    let said = found(rule);
    assert!(
        said.len() == 1 && said[0].starts_with("element `Patient.name`: the rule `p-1` cannot be read: "),
        "{said:?}"
    );
    for element in [
        json!({"path": "Patient.name", "max": "1"}),
        json!({"path": "Patient.gender", "fixedCode": "male", "binding": {"strength": "required"}}),
        json!({"path": "Patient.maritalStatus", "fixedCodeableConcept": {"text": "x", "id": "y"}}),
        json!({"path": "Patient.deceasedBoolean", "fixedBoolean": true}),
        json!({"path": "Patient.contact.name", "min": 1}),
    ] {
        assert_eq!(found(element), [""; 0]);
    }
}

#[test]
fn a_base_is_of_the_type_and_there() {
    let found = |base: &str| -> Vec<Gravity> {
        let own = facts::profile(&profile(base, with_one(json!({"path": "Patient.name"})))).expect("it is a profile");
        definition_faults(&own, validator().definitions()).into_iter().map(|fault| fault.gravity).collect()
    };
    assert_eq!(found(PATIENT), []);
    assert_eq!(found("http://hl7.org/fhir/StructureDefinition/DomainResource"), []);
    assert_eq!(found("http://hl7.org/fhir/StructureDefinition/Observation"), [Gravity::Wrong]);
    assert_eq!(found("http://weir.test/StructureDefinition/p"), [Gravity::Wrong]);
    assert_eq!(found("http://weir.test/StructureDefinition/none"), [Gravity::Missing]);
}

#[test]
fn the_profiles_of_r4_and_uk_core_may_be_used() {
    let definitions = validator().definitions();
    for url in definitions.profile_urls() {
        let faults = definition_faults(definitions.profile(url).expect("it is listed"), definitions);
        assert!(faults.iter().all(|fault| fault.gravity == Gravity::Odd), "{url}: {faults:?}");
    }
}

#[test]
fn a_structure_definition_is_held_against_its_base() {
    let rule = json!({"path": "Patient.name", "min": 0, "constraint": [{"key": "p-1", "severity": "error", "human": "x",
        "expression": "foo.bar("}]});
    let found = errors(&profile(PATIENT, with_one(rule)), &Options::default());
    assert_eq!(found, ["business-rule StructureDefinition"]);
}

#[test]
fn expressions_that_cannot_be_read_are_faults_of_every_definition() {
    let rule = |expression: &str| json!([{"key": "x-1", "severity": "error", "human": "x", "expression": expression}]);
    let check = |definition: Value, expected: &[&str]| {
        assert_eq!(errors(&definition, &Options::default()), expected, "{definition}");
    };
    let with_rule = |path: &str, expression: &str| json!([{"id": "Patient", "path": "Patient"}, {"id": path, "path": path, "constraint": rule(expression)}]);
    let wrong = ["business-rule StructureDefinition"];
    check(profile(PATIENT, with_rule("Patient.name", "family.exists()")), &[]);
    check(profile(PATIENT, with_rule("Patient.name", "family.exists(")), &wrong);
    // Of a base that is not known here nothing else can be said.
    check(profile("http://weir.test/StructureDefinition/gone", with_rule("Patient.name", "family.exists(")), &wrong);
    let logical = |expression: &str| {
        let elements = json!([{"id": "Thing", "path": "Thing", "constraint": rule(expression), "definition": "x", "min": 0, "max": "*",
            "base": {"path": "Thing", "min": 0, "max": "*"}}]);
        json!({"resourceType": "StructureDefinition", "url": "http://weir.test/StructureDefinition/Thing", "name": "Thing",
            "status": "active", "kind": "logical", "abstract": false, "type": "http://weir.test/StructureDefinition/Thing",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Element", "derivation": "specialization",
            "snapshot": {"element": elements}})
    };
    check(logical("true"), &[]);
    check(logical("name.("), &wrong);
    let extension = |context: &str, invariant: &str| {
        json!({"resourceType": "StructureDefinition", "url": "http://weir.test/StructureDefinition/e", "name": "E", "status": "active",
            "kind": "complex-type", "abstract": false, "type": "Extension", "derivation": "constraint",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
            "context": [{"type": "fhirpath", "expression": context}], "contextInvariant": [invariant],
            "differential": {"element": [{"id": "Extension", "path": "Extension"}]}})
    };
    check(extension("Patient.name", "use.exists()"), &[]);
    check(extension("Patient.(", "use.exists()"), &wrong);
    check(extension("Patient.name", "use.("), &wrong);
}
