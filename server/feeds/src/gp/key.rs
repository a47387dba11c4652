//! By what a resource of a GP record is found again: its own identifier, or its id in the practice's system.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::{BusinessKey, system};

/// What is needed to name one resource.
pub(super) struct Named<'a> {
    /// The type that the source gave it.
    pub(super) source_type: &'a str,
    /// The id that the source gave it.
    pub(super) source_id: Option<&'a str>,
    /// The converted resource.
    pub(super) resource: &'a Value,
}

/// The system of the ids that a practice's system gave to resources of a type.
pub(super) fn local_system(ods_code: &str, source_type: &str) -> String {
    format!("https://fhir.nhs.uk/{ods_code}/Id/{source_type}")
}

/// One key for each resource of a bundle, no two alike.
///
/// An NHS number never is a key: a wrong or shared one would make one record of two people. An identifier
/// that several resources of the bundle bear names none of them, and their ids take its place.
pub(super) fn keys(resources: &[Named<'_>], ods_code: &str) -> Vec<BusinessKey> {
    let first: Vec<BusinessKey> = resources.iter().map(|named| own_key(named, ods_code)).collect();
    let mut count: HashMap<&BusinessKey, usize> = HashMap::new();
    for key in &first {
        *count.entry(key).or_default() += 1;
    }
    let mut taken = HashSet::new();
    let mut keys = Vec::with_capacity(first.len());
    for (named, key) in resources.iter().zip(&first) {
        let is_shared = count.get(key).is_some_and(|count| *count > 1);
        let mut key = if is_shared { local_key(named, ods_code) } else { key.clone() };
        let stem = key.value.clone();
        let mut number = 2;
        while !taken.insert(key.clone()) {
            key.value = format!("{stem}-{number}");
            number += 1;
        }
        keys.push(key);
    }
    keys
}

fn own_key(named: &Named<'_>, ods_code: &str) -> BusinessKey {
    let identifiers = match named.resource.get("identifier") {
        Some(Value::Array(items)) => items.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    let pair = |item: &Value| {
        let system = item.get("system")?.as_str()?;
        let value = item.get("value")?.as_str()?;
        (system != system::NHS_NUMBER).then(|| (system.to_owned(), value.to_owned()))
    };
    match identifiers.iter().find_map(pair) {
        Some((system, value)) => BusinessKey::new(type_name(named), system, value),
        None => local_key(named, ods_code),
    }
}

fn local_key(named: &Named<'_>, ods_code: &str) -> BusinessKey {
    let system = local_system(ods_code, named.source_type);
    let value = named.source_id.map_or_else(|| described(named), str::to_owned);
    BusinessKey::new(type_name(named), system, value)
}

fn type_name<'a>(named: &Named<'a>) -> &'a str {
    named.resource.get("resourceType").and_then(Value::as_str).unwrap_or(named.source_type)
}

/// The top lists of a record have no id: whose list of what they are tells them apart.
fn described(named: &Named<'_>) -> String {
    let text = |pointer: &str| named.resource.pointer(pointer).and_then(Value::as_str);
    let subject = text("/subject/reference").or_else(|| text("/patient/reference")).unwrap_or_default();
    let subject = subject.rsplit('/').next().unwrap_or_default();
    let what = text("/code/coding/0/code").or_else(|| text("/title")).or_else(|| text("/code/text"));
    format!("{subject}-{}", what.unwrap_or(named.source_type))
}

/// Writes the id that the source gave into the identifiers where it is the key, so that it is not lost.
pub(super) fn write_local_identifier(resource: &mut Value, key: &BusinessKey, source_id: Option<&str>) {
    if source_id != Some(key.value.as_str()) || !key.system.ends_with(&format!("/Id/{}", key_type(&key.system))) {
        return;
    }
    let Some(object) = resource.as_object_mut() else {
        return;
    };
    let own = json!({ "system": key.system, "value": key.value });
    if let Some(Value::Array(items)) = object.get_mut("identifier") {
        if !items.contains(&own) {
            items.push(own);
        }
    } else if !object.contains_key("identifier") && object.get("resourceType") != Some(&json!("QuestionnaireResponse"))
    {
        let at = object.keys().position(|name| !LEADING.contains(&name.as_str())).unwrap_or(object.len());
        object.shift_insert(at, "identifier".to_owned(), json!([own]));
    }
}

const LEADING: [&str; 9] =
    ["resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"];

fn key_type(system: &str) -> &str {
    system.rsplit('/').next().unwrap_or_default()
}
