//! Our UK Core definitions held against the published facts, both ways.

use std::collections::BTreeMap;
use std::path::Path;

use profiles::uk_core;
use serde_json::{Map, Value};

use crate::shared;

/// What the facts write as text and FHIR JSON does not.
const BOOLEANS: [&str; 6] = ["abstract", "isModifier", "mustSupport", "ordered", "caseSensitive", "valueBoolean"];

#[test]
fn definitions_hold_the_published_facts_and_no_more() {
    let Some(folder) = shared("data/uk-core/facts") else { return };
    let ours: BTreeMap<String, Value> =
        uk_core().expect("the definitions unpack").into_iter().map(|one| (key(&one), one)).collect();
    let mut counts = Vec::new();
    let mut seen = 0;
    for kind in ["structuredefinitions", "valuesets", "codesystems", "conceptmaps"] {
        let facts = read(&folder.join(kind));
        counts.push(facts.len());
        for fact in facts {
            let key = key(&fact);
            let own = ours.get(&key).unwrap_or_else(|| panic!("{key} is missing"));
            assert_eq!(plain(own), typed(&fact), "{key}");
            seen += 1;
        }
    }
    assert_eq!(seen, ours.len(), "there are definitions that were never published");
    println!("{counts:?} definitions are as published");
}

#[test]
fn definitions_are_complete_without_the_facts() {
    let ours = uk_core().expect("the definitions unpack");
    let count = |kind: &str| ours.iter().filter(|one| one["resourceType"] == kind).count();
    let structures = ours.iter().filter(|one| one["resourceType"] == "StructureDefinition");
    let extensions = structures.filter(|one| one["type"] == "Extension").count();
    assert_eq!((count("StructureDefinition") - extensions, extensions), (70, 83));
    assert_eq!((count("ValueSet"), count("CodeSystem"), count("ConceptMap")), (134, 88, 3));
}

fn key(definition: &Value) -> String {
    format!("{} {}", definition["resourceType"], definition["url"])
}

fn read(folder: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(folder).expect("the facts can be listed");
    let texts = files.map(|file| std::fs::read_to_string(file.expect("listed").path()).expect("the facts can be read"));
    texts.map(|text| serde_json::from_str(&text).expect("the facts are JSON")).collect()
}

/// Brings a fact to the types of FHIR JSON.
fn typed(fact: &Value) -> Value {
    match fact {
        Value::Array(items) => Value::Array(items.iter().map(typed).collect()),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(key, value)| (key.clone(), typed_field(key, value))).collect())
        }
        other => other.clone(),
    }
}

fn typed_field(key: &str, value: &Value) -> Value {
    match value.as_str() {
        Some(text) if BOOLEANS.contains(&key) => Value::Bool(text == "true"),
        Some(text) if key == "min" => text.parse::<u32>().expect("a minimum is a number").into(),
        _ => typed(value),
    }
}

/// Takes off what only FHIR's form asks for: the element list's wrapper and the words of a constraint.
fn plain(definition: &Value) -> Value {
    match definition {
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        Value::Object(fields) => {
            let fields: Map<String, Value> = fields
                .iter()
                .filter(|(key, _)| *key != "human")
                .map(|(key, value)| {
                    let value = if key == "differential" { &value["element"] } else { value };
                    (key.clone(), plain(value))
                })
                .collect();
            Value::Object(fields)
        }
        other => other.clone(),
    }
}
