//! Observation. GP Connect marks most of them `unknown`, which R4 has too.

use serde_json::{Value, json};

use super::convert::Mapping;
use super::field::{Notes, Object, encounter, note, objects, push, repeat, take_list, text};

pub(super) const MAPPING: Mapping = Mapping {
    source: "Observation",
    target: "Observation",
    elements: &[
        "identifier",
        "basedOn",
        "partOf",
        "status",
        "category",
        "code",
        "subject",
        "focus",
        "encounter",
        "effective[x]",
        "issued",
        "performer",
        "value[x]",
        "dataAbsentReason",
        "interpretation",
        "note",
        "bodySite",
        "method",
        "specimen",
        "device",
        "referenceRange",
        "hasMember",
        "derivedFrom",
        "component",
    ],
    required: &["status", "code"],
    edit,
};

fn edit(object: &mut Object, notes: &mut Notes) {
    encounter(object, notes);
    note(object, "comment");
    for name in ["category", "performer", "interpretation", "referenceRange", "component"] {
        repeat(object, name);
    }
    related(object, notes);
    value(object, notes);
    ranges(object);
    for component in objects(object, "component") {
        repeat(component, "interpretation");
        value(component, notes);
        ranges(component);
    }
}

fn related(object: &mut Object, notes: &mut Notes) {
    for related in take_list(object, "related") {
        let Some(target) = related.get("target").filter(|target| target.is_object()).cloned() else {
            continue;
        };
        match related.get("type").and_then(Value::as_str) {
            Some("has-member") => push(object, "hasMember", target),
            Some("derived-from") => push(object, "derivedFrom", target),
            Some("sequel-to") => link(object, "observation-sequelTo", &target),
            Some("replaces") => link(object, "observation-replaces", &target),
            _ => notes.dropped("related", "R4 has no link of this kind"),
        }
    }
}

fn link(object: &mut Object, name: &str, target: &Value) {
    let url = format!("http://hl7.org/fhir/StructureDefinition/{name}");
    push(object, "extension", json!({ "url": url, "valueReference": target }));
}

fn value(object: &mut Object, notes: &mut Notes) {
    if object.remove("valueAttachment").is_some() {
        notes.dropped("valueAttachment", "R4 observations have no attachments");
    }
}

/// Invariant obs-3: a range has a low, a high or a text; GP systems put the words into `type` alone.
fn ranges(object: &mut Object) {
    for range in objects(object, "referenceRange") {
        if !["low", "high", "text"].iter().any(|name| range.contains_key(*name))
            && let Some(words) = range.get("type").and_then(Value::as_object).and_then(|kind| text(kind, "text"))
        {
            let words = words.to_owned();
            range.insert("text".to_owned(), Value::String(words));
        }
    }
}
