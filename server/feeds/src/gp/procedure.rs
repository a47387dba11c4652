//! Procedure.

use serde_json::json;

use super::convert::Mapping;
use super::field::{Notes, Object, encounter, objects, push, rename};

pub(super) const MAPPING: Mapping = Mapping {
    source: "Procedure",
    target: "Procedure",
    elements: &[
        "identifier",
        "instantiatesCanonical",
        "instantiatesUri",
        "basedOn",
        "partOf",
        "status",
        "statusReason",
        "category",
        "code",
        "subject",
        "encounter",
        "performed[x]",
        "recorder",
        "asserter",
        "performer",
        "location",
        "reasonCode",
        "reasonReference",
        "bodySite",
        "outcome",
        "report",
        "complication",
        "complicationDetail",
        "followUp",
        "note",
        "focalDevice",
        "usedReference",
        "usedCode",
    ],
    required: &["status", "subject"],
    edit,
};

fn edit(object: &mut Object, notes: &mut Notes) {
    if object.remove("notDone") == Some(json!(true)) {
        object.insert("status".to_owned(), json!("not-done"));
    }
    // R4 renamed two states.
    match object.get("status").and_then(|status| status.as_str()) {
        Some("suspended") => push_status(object, "on-hold"),
        Some("aborted") => push_status(object, "stopped"),
        _ => {}
    }
    rename(object, "notDoneReason", "statusReason");
    encounter(object, notes);
    for performer in objects(object, "performer") {
        rename(performer, "role", "function");
    }
    if let Some(text) = super::field::take_text(object, "comment") {
        push(object, "note", json!({ "text": text }));
    }
}

fn push_status(object: &mut Object, status: &str) {
    object.insert("status".to_owned(), json!(status));
}
