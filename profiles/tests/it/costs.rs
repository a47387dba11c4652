//! What hostile forms and answers may cost: the work is counted, never the time.

use std::sync::Arc;

use definitions::Definitions;
use fhir::{Issue, Json};
use profiles::{Options, Validator};
use serde_json::{Value, json};

const FORM: &str = "http://example.org/Questionnaire/q";

fn form(items: &Value) -> Value {
    json!({"resourceType": "Questionnaire", "url": FORM, "status": "active", "item": items})
}

fn response(form: &str, items: &Value) -> Value {
    json!({"resourceType": "QuestionnaireResponse", "questionnaire": form, "status": "completed", "item": items})
}

/// What is found in a resource: how many errors, and how often it is said that there was too much.
fn found(form: &Value, resource: &Value) -> (usize, usize) {
    let base = Definitions::r4().expect("the base definitions load");
    let validator = Validator::new(Arc::new(base)).with_resources([Json::from_value(form)]);
    let issues = validator.issues(&Json::from_value(resource), &Options::default());
    let costly = issues.iter().filter(|issue| issue.code == "too-costly").count();
    (issues.iter().filter(|issue| Issue::is_error(issue)).count(), costly)
}

#[test]
fn so_many_patterns_are_compiled_and_no_more() {
    let question = |n: usize| {
        json!({"linkId": n.to_string(), "type": "string", "extension":
            [{"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": format!("a{{{n}}}")}]})
    };
    let answered = |count: usize| {
        let items = (1..=count).map(|n| json!({"linkId": n.to_string(), "answer": [{"valueString": "b"}]}));
        response(FORM, &items.collect())
    };
    let form = form(&(1..=300).map(question).collect());
    assert_eq!(found(&form, &answered(300)), (256, 1));
    assert_eq!(found(&form, &answered(256)), (256, 0));
}

#[test]
fn conditions_are_compared_with_so_many_answers_and_no_more() {
    let asked = |count: usize| {
        let condition = json!([{"question": "q", "operator": "=", "answerInteger": -1}]);
        let items = (0..count).map(|n| json!({"linkId": n.to_string(), "type": "display", "enableWhen": condition}));
        let mut items: Vec<Value> = items.collect();
        items.insert(0, json!({"linkId": "q", "type": "integer", "repeats": true}));
        form(&Value::Array(items))
    };
    let answered = |count: usize| {
        let answers: Vec<Value> = (0..1000).map(|n| json!({"valueInteger": n})).collect();
        let items = (0..count).map(|n| json!({"linkId": n.to_string()}));
        let mut items: Vec<Value> = items.collect();
        items.insert(0, json!({"linkId": "q", "answer": answers}));
        response(FORM, &Value::Array(items))
    };
    assert_eq!(found(&asked(1000), &answered(1000)), (0, 0));
    assert_eq!(found(&asked(2100), &answered(2100)), (0, 1));
}

#[test]
fn a_form_is_gathered_once_for_all_its_responses() {
    let items: Vec<Value> =
        (0..10_000).map(|n| json!({"linkId": n.to_string(), "type": "integer", "required": n == 0})).collect();
    let form = form(&Value::Array(items));
    let answers = json!([{"linkId": "0", "answer": [{"valueInteger": 1}]}]);
    // Gathered for each of them, these would be three million items.
    let entries: Vec<Value> = (0..300)
        .map(|n| json!({"fullUrl": format!("http://example.org/QuestionnaireResponse/{n}"), "resource": response(FORM, &answers)}))
        .collect();
    assert_eq!(found(&form, &json!({"resourceType": "Bundle", "type": "collection", "entry": entries})), (0, 0));
    let missing: Vec<Value> = (0..240)
        .map(|n| json!({"fullUrl": format!("http://example.org/QuestionnaireResponse/{n}"), "resource": response(FORM, &json!([]))}))
        .collect();
    // An empty list of items is an error of its own.
    assert_eq!(found(&form, &json!({"resourceType": "Bundle", "type": "collection", "entry": missing})), (480, 0));
}

#[test]
fn what_is_contained_is_listed_once_for_all_references() {
    let mut contained = vec![json!({"resourceType": "Questionnaire", "id": "form", "status": "active",
        "item": [{"linkId": "0", "type": "integer", "required": true}]})];
    let answers = json!([{"linkId": "0", "answer": [{"valueInteger": 1}]}]);
    contained.extend((0..2000).map(|n| {
        let mut response = response("#form", &answers);
        response["id"] = json!(format!("r{n}"));
        response
    }));
    let used: Vec<Value> = (0..2000).map(|n| json!({"item": {"reference": format!("#r{n}")}})).collect();
    // Listed for each reference, these would be four million resources.
    let list =
        json!({"resourceType": "List", "status": "current", "mode": "working", "contained": contained, "entry": used});
    assert_eq!(found(&form(&json!([])), &list), (0, 0));
}

const EXTENSION: &str = "https://weir.test/StructureDefinition/e";

/// How many errors the command finds, and how often it is said that there was too much, where an extension is defined with these members.
fn found_of_extension(members: &Value, resource: &Value) -> (usize, usize) {
    let mut definition = json!({"resourceType": "StructureDefinition", "url": EXTENSION, "name": "E", "status": "active",
        "kind": "complex-type", "abstract": false, "type": "Extension", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension", "differential": {"element": [
            {"id": "Extension", "path": "Extension"}, {"id": "Extension.url", "path": "Extension.url", "fixedUri": EXTENSION}]}});
    definition.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    let base = Definitions::r4().expect("the base definitions load");
    let validator = Validator::new(Arc::new(base.with_overlay(vec![definition]).expect("a definition")));
    let issues = validator.issues(&Json::from_value(resource), &Options { exacting: true, ..Options::default() });
    let costly = issues.iter().filter(|issue| issue.code == "too-costly").count();
    (issues.iter().filter(|issue| Issue::is_error(issue)).count(), costly)
}

fn carried() -> Value {
    json!({"url": EXTENSION, "valueString": "x"})
}

#[test]
fn what_carries_many_extensions_is_asked_once() {
    let rule =
        |rule: &str| json!({"context": [{"type": "element", "expression": "Element"}], "contextInvariant": [rule]});
    // Asked for each extension, these would be eighteen million given names.
    let name = json!([{"given": vec!["x"; 30_000], "extension": vec![carried(); 600]}]);
    let patient = json!({"resourceType": "Patient", "active": true, "name": name});
    assert_eq!(found_of_extension(&rule("given.where($this = 'y').empty()"), &patient), (0, 0));
    assert_eq!(found_of_extension(&rule("%resource.name.given.where($this = 'y').empty()"), &patient), (0, 0));
    assert_eq!(found_of_extension(&rule("%extension.exists() and given.where($this = 'y').empty()"), &patient), (0, 1));
}

#[test]
fn rules_on_where_extensions_may_stand_take_so_many_steps_and_no_more() {
    let named = |count: usize| {
        let names = vec![json!({"text": "x", "extension": [carried()]}); count];
        json!({"resourceType": "Patient", "active": true, "name": names})
    };
    let all = "%resource.name.where(text = 'y').empty()";
    let rule = json!({"context": [{"type": "element", "expression": "Element"}], "contextInvariant": [all]});
    assert_eq!(found_of_extension(&rule, &named(500)), (0, 0));
    assert_eq!(found_of_extension(&rule, &named(3000)), (0, 1));
    // Each contained resource asks about all of them.
    let contained = |count: usize| {
        let patients =
            (0..count).map(|n| json!({"resourceType": "Patient", "id": format!("p{n}"), "extension": [carried()]}));
        let links: Vec<Value> = (0..count).map(|n| json!({"item": {"reference": format!("#p{n}")}})).collect();
        let patients: Vec<Value> = patients.collect();
        json!({"resourceType": "List", "status": "current", "mode": "working", "contained": patients, "entry": links})
    };
    let place = json!({"context": [{"type": "fhirpath", "expression": "%rootResource.contained.where(id.exists())"}]});
    assert_eq!(found_of_extension(&place, &contained(300)), (0, 0));
    assert_eq!(found_of_extension(&place, &contained(3000)), (0, 1));
}
