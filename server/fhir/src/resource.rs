//! Edits to the text of a resource that leave every other byte as it was sent.

use std::borrow::Cow;

use crate::splice::Splice;
use crate::{Instant, Json, Node};

/// Writes `id`, `meta.versionId` and `meta.lastUpdated` into the text of a resource.
///
/// What is there is replaced; what is not comes right after `resourceType` when that is first, else at the very front.
#[must_use]
pub fn stamp(json: &Json, id: &str, version: u64, last_updated: Instant) -> Vec<u8> {
    let root = json.root();
    let mut splice = Splice::default();
    if !root.is_object() {
        return json.text().into();
    }
    let version = quoted(&version.to_string());
    let last_updated = quoted(&last_updated.to_fhir());
    let meta_text = || format!("{{\"versionId\":{version},\"lastUpdated\":{last_updated}}}");
    let mut missing = Vec::new();
    match root.get("id") {
        Some(node) => replace(&mut splice, node, quoted(id)),
        None => missing.push(format!("\"id\":{}", quoted(id))),
    }
    match root.get("meta") {
        Some(meta) if meta.is_object() => {
            let mut inner = Vec::new();
            for (name, text) in [("versionId", version), ("lastUpdated", last_updated)] {
                match meta.get(name) {
                    Some(node) => replace(&mut splice, node, text),
                    None => inner.push(format!("\"{name}\":{text}")),
                }
            }
            insert_first(&mut splice, meta, &inner);
        }
        Some(meta) => replace(&mut splice, meta, meta_text()),
        None => missing.push(format!("\"meta\":{}", meta_text())),
    }
    insert_after_type(&mut splice, root, &missing);
    splice.apply(json.text())
}

/// Gives every `reference` string of a resource, contained resources and extensions included.
#[must_use]
pub fn references(json: &Json) -> Vec<Node<'_>> {
    references_of(json.root())
}

/// Gives every `reference` string below a value.
#[must_use]
pub fn references_of(node: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    collect_references(node, &mut found);
    found
}

/// Replaces the references for which `rewrite` has an answer.
#[must_use]
pub fn rewrite_references(json: &Json, rewrite: impl Fn(&str) -> Option<String>) -> Vec<u8> {
    let rewritten = references(json).into_iter().filter_map(|node| {
        let text: Cow<'_, str> = node.as_str().unwrap_or_default();
        Some((node, rewrite(&text)?))
    });
    replace_texts(json, rewritten)
}

/// Puts strings in the place of values of the document.
#[must_use]
pub fn replace_texts<'a>(json: &'a Json, texts: impl IntoIterator<Item = (Node<'a>, String)>) -> Vec<u8> {
    let mut splice = Splice::default();
    for (node, text) in texts {
        replace(&mut splice, node, quoted(&text));
    }
    splice.apply(json.text())
}

fn collect_references<'a>(node: Node<'a>, found: &mut Vec<Node<'a>>) {
    for (name, value) in node.members() {
        if name == "reference" && value.is_string() {
            found.push(value);
        } else {
            collect_references(value, found);
        }
    }
    for item in node.items() {
        collect_references(item, found);
    }
}

fn replace(splice: &mut Splice, node: Node<'_>, text: String) {
    splice.replace(node.offset()..node.end_offset(), text);
}

fn insert_after_type(splice: &mut Splice, object: Node<'_>, members: &[String]) {
    match object.entries().next() {
        Some((name, value)) if name.as_str().as_deref() == Some("resourceType") => {
            for member in members {
                splice.insert(value.end_offset(), format!(",{member}"));
            }
        }
        _ => insert_first(splice, object, members),
    }
}

fn insert_first(splice: &mut Splice, object: Node<'_>, members: &[String]) {
    if members.is_empty() {
        return;
    }
    let comma = if object.is_empty() { "" } else { "," };
    splice.insert(object.offset() + 1, members.join(",") + comma);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
