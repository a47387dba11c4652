//! Small edits of a JSON object by which the type mappings are written.

use fhir::Issue;
use serde_json::{Map, Value, json};

/// A JSON object in the making.
pub(super) type Object = Map<String, Value>;

/// What was noticed while one resource was converted.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The issues so far; expressions are relative to the resource.
    pub(super) issues: Vec<Issue>,
}

impl Notes {
    /// Notes something that could not be carried over.
    pub(super) fn dropped(&mut self, element: &str, why: &str) {
        self.issues.push(
            Issue::warning("not-supported", format!("`{element}` was left out: {why}"))
                .at(element)
                .detail("element-left-out"),
        );
    }

    /// Notes something that was carried over as text or with a gap filled.
    pub(super) fn changed(&mut self, element: &str, how: &str) {
        self.issues.push(Issue::information("informational", format!("`{element}`: {how}")).at(element));
    }
}

/// Renames an element and its `_` sibling; an element of the new name stays as it is.
pub(super) fn rename(object: &mut Object, from: &str, to: &str) {
    for prefix in ["", "_"] {
        if let Some(value) = object.remove(&format!("{prefix}{from}")) {
            object.entry(format!("{prefix}{to}")).or_insert(value);
        }
    }
}

/// Makes a list of an element that became repeating in R4.
pub(super) fn repeat(object: &mut Object, name: &str) {
    if let Some(value) = object.get_mut(name)
        && !value.is_array()
    {
        *value = Value::Array(vec![value.take()]);
    }
}

/// Adds an item to a repeating element.
pub(super) fn push(object: &mut Object, name: &str, item: Value) {
    repeat(object, name);
    if let Value::Array(items) = object.entry(name).or_insert_with(|| json!([])) {
        items.push(item);
    }
}

/// Takes an element out as a list: its items, or itself.
pub(super) fn take_list(object: &mut Object, name: &str) -> Vec<Value> {
    match object.remove(name) {
        Some(Value::Array(items)) => items,
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

/// The objects of a repeating (or single) element, to be edited in place.
pub(super) fn objects<'a>(object: &'a mut Object, name: &str) -> Vec<&'a mut Object> {
    match object.get_mut(name) {
        Some(Value::Array(items)) => items.iter_mut().filter_map(Value::as_object_mut).collect(),
        Some(Value::Object(single)) => vec![single],
        _ => Vec::new(),
    }
}

/// Takes out a text element and its `_` sibling.
pub(super) fn take_text(object: &mut Object, name: &str) -> Option<String> {
    match object.get(name) {
        Some(Value::String(_)) => match object.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// A text element.
pub(super) fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

/// Turns a code element into a CodeableConcept; a code that the system does not have becomes text.
pub(super) fn concept(object: &mut Object, name: &str, system: &str, codes: &[&str], notes: &mut Notes) {
    object.remove(&format!("_{name}"));
    let Some(code) = take_text(object, name) else {
        return;
    };
    let value = if codes.contains(&code.as_str()) {
        json!({ "coding": [{ "system": system, "code": code }] })
    } else {
        notes.changed(name, "the code is not in the R4 code system and is kept as text");
        json!({ "text": code })
    };
    object.insert(name.to_owned(), value);
}

/// The encounter that STU3 calls `context`; an episode of care has no place in these R4 types.
pub(super) fn encounter(object: &mut Object, notes: &mut Notes) {
    let is_episode = object
        .get("context")
        .and_then(|context| context.get("reference"))
        .and_then(Value::as_str)
        .is_some_and(|reference| reference.contains("EpisodeOfCare/"));
    if is_episode {
        object.remove("context");
        notes.dropped("context", "R4 links to an encounter only, and this is an episode of care");
    } else {
        rename(object, "context", "encounter");
    }
}

/// The requester, which STU3 splits into agent and organisation.
pub(super) fn requester(object: &mut Object, notes: &mut Notes) {
    let Some(Value::Object(requester)) = object.get_mut("requester") else {
        return;
    };
    if !requester.contains_key("agent") && !requester.contains_key("onBehalfOf") {
        return;
    }
    let agent = requester.remove("agent");
    let on_behalf_of = requester.remove("onBehalfOf");
    if agent.is_some() && on_behalf_of.is_some() {
        notes.dropped("requester.onBehalfOf", "R4 names one requester");
    }
    match agent.or(on_behalf_of) {
        Some(reference) => object.insert("requester".to_owned(), reference),
        None => object.remove("requester"),
    };
}

/// Turns plain text into an Annotation in `note`.
pub(super) fn note(object: &mut Object, name: &str) {
    if let Some(text) = take_text(object, name) {
        push(object, "note", json!({ "text": text }));
    }
}

/// Dosage instructions: R4 moved dose and rate into `doseAndRate`.
pub(super) fn dosages(object: &mut Object, name: &str) {
    repeat(object, name);
    for dosage in objects(object, name) {
        let mut dose_and_rate = Object::new();
        for part in ["doseRange", "doseQuantity", "rateRatio", "rateRange", "rateQuantity"] {
            if let Some(value) = dosage.remove(part) {
                dose_and_rate.insert(part.to_owned(), value);
            }
        }
        if let Some(value) = dosage.remove("doseSimpleQuantity") {
            dose_and_rate.entry("doseQuantity").or_insert(value);
        }
        if let Some(value) = dosage.remove("rateSimpleQuantity") {
            dose_and_rate.entry("rateQuantity").or_insert(value);
        }
        if !dose_and_rate.is_empty() {
            push(dosage, "doseAndRate", Value::Object(dose_and_rate));
        }
    }
}
