//! Profiles from the StructureDefinitions that constrain.

use serde_json::{Map, Value};

use super::read::{flag, list, or_empty, owned, required, text, texts};
use super::types::{BEST_PRACTICE, MAX_VALUE_SET};
use crate::{ExtensionContext, ProfileDef};

/// The members of an ElementDefinition that are facts, apart from the typed `fixed`, `pattern`, `minValue`, `maxValue`.
const ELEMENT_FACTS: [&str; 16] = [
    "id",
    "path",
    "representation",
    "sliceName",
    "sliceIsConstraining",
    "slicing",
    "min",
    "max",
    "contentReference",
    "type",
    "maxLength",
    "constraint",
    "mustSupport",
    "isModifier",
    "isSummary",
    "binding",
];
const TYPED_FACTS: [&str; 4] = ["fixed", "pattern", "minValue", "maxValue"];
/// What an invariant means is kept for messages.
const PROSE: [&str; 5] = ["description", "xpath", "source", "requirements", "comment"];
const ADDITIONAL_BINDING: &str = "http://hl7.org/fhir/tools/StructureDefinition/additional-binding";
const ADDITIONAL_BINDING_R5: &str =
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.binding.additional";
const FACT_EXTENSIONS: [&str; 4] = [BEST_PRACTICE, MAX_VALUE_SET, ADDITIONAL_BINDING, ADDITIONAL_BINDING_R5];

/// Says whether a StructureDefinition constrains another.
#[must_use]
pub fn is_profile(definition: &Value) -> bool {
    text(definition, "resourceType") == Some("StructureDefinition")
        && text(definition, "derivation") == Some("constraint")
}

/// Takes a profile or extension definition from its StructureDefinition.
///
/// Without a differential the snapshot stands in for it, which says the same at greater length.
pub fn profile(definition: &Value) -> Result<ProfileDef, String> {
    let view = ["differential", "snapshot"].iter().find_map(|name| definition.get(*name));
    let elements = view.map_or(&[][..], |view| list(view, "element"));
    Ok(ProfileDef {
        url: required(definition, "url")?,
        version: owned(definition, "version"),
        name: or_empty(definition, "name"),
        type_name: required(definition, "type")?,
        kind: required(definition, "kind")?,
        base: owned(definition, "baseDefinition"),
        is_abstract: flag(definition, "abstract"),
        context: list(definition, "context").iter().map(context).collect(),
        context_invariant: texts(definition, "contextInvariant"),
        differential: elements.iter().map(element).collect(),
    })
}

fn context(found: &Value) -> ExtensionContext {
    ExtensionContext { kind: or_empty(found, "type"), expression: or_empty(found, "expression") }
}

fn element(element: &Value) -> Value {
    let mut facts = Map::new();
    for (name, value) in element.as_object().into_iter().flatten() {
        if ELEMENT_FACTS.contains(&name.as_str()) {
            facts.insert(name.clone(), without_prose(value));
        } else if TYPED_FACTS.iter().any(|prefix| is_typed(name, prefix)) {
            // A fixed value is data: its members are all kept, whatever their names.
            facts.insert(name.clone(), value.clone());
        }
    }
    Value::Object(facts)
}

fn is_typed(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(char::is_uppercase))
}

fn fact_extensions(extensions: &Value) -> Option<Value> {
    let is_fact = |found: &&Value| text(found, "url").is_some_and(|url| FACT_EXTENSIONS.contains(&url));
    let facts: Vec<Value> = extensions.as_array()?.iter().filter(is_fact).cloned().collect();
    (!facts.is_empty()).then_some(Value::Array(facts))
}

fn without_prose(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let facts = members.iter().filter(|(name, _)| !PROSE.contains(&name.as_str()));
            let facts = facts.filter_map(|(name, value)| match name.as_str() {
                "extension" => Some((name.clone(), fact_extensions(value)?)),
                _ => Some((name.clone(), without_prose(value))),
            });
            Value::Object(facts.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_prose).collect()),
        other => other.clone(),
    }
}
