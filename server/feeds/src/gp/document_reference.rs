//! DocumentReference. The document itself stays where its URL points.

use serde_json::Value;

use super::convert::Mapping;
use super::field::{Notes, Object, objects, push, rename, repeat, take_list};

pub(super) const MAPPING: Mapping = Mapping {
    source: "DocumentReference",
    target: "DocumentReference",
    elements: &[
        "masterIdentifier",
        "identifier",
        "status",
        "docStatus",
        "type",
        "category",
        "subject",
        "date",
        "author",
        "authenticator",
        "custodian",
        "relatesTo",
        "description",
        "securityLabel",
        "content",
        "context",
    ],
    required: &["status", "content"],
    edit,
};

fn edit(object: &mut Object, notes: &mut Notes) {
    rename(object, "indexed", "date");
    rename(object, "class", "category");
    repeat(object, "category");
    repeat(object, "author");
    // R4 knows when the document was made only as a property of its content.
    if let Some(created) = object.remove("created") {
        for content in objects(object, "content") {
            if let Some(Value::Object(attachment)) = content.get_mut("attachment") {
                attachment.entry("creation").or_insert_with(|| created.clone());
            }
        }
    }
    relative_urls(object, notes);
    context(object);
}

/// A document addressed relative to the sender's server cannot be reached from here.
fn relative_urls(object: &mut Object, notes: &mut Notes) {
    for content in objects(object, "content") {
        if let Some(Value::Object(attachment)) = content.get_mut("attachment")
            && attachment.get("url").and_then(Value::as_str).is_some_and(|url| !url.contains(':'))
        {
            attachment.remove("url");
            notes.dropped("content.attachment.url", "it is relative to the sender's server");
        }
    }
}

fn context(object: &mut Object) {
    let Some(Value::Object(context)) = object.get_mut("context") else {
        return;
    };
    repeat(context, "encounter");
    for related in take_list(context, "related") {
        let reference = match (related.get("ref"), related.get("identifier")) {
            (Some(reference), _) => reference.clone(),
            (None, Some(identifier)) if related.get("reference").is_none() => {
                serde_json::json!({ "identifier": identifier })
            }
            (None, _) => related,
        };
        push(context, "related", reference);
    }
}
