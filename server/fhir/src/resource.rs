//! Edits to the text of a resource that leave every other byte as it was sent.

use std::borrow::Cow;

use crate::splice::Splice;
use crate::{Instant, Json, Node};

/// Stands for the version in an unstamped text; strict JSON holds no control character but white space.
const VERSION_MARK: char = '\u{1}';
/// Stands for the time in an unstamped text.
const TIME_MARK: char = '\u{2}';

/// Writes `id`, `meta.versionId` and `meta.lastUpdated` into the text of a resource.
///
/// What is there is replaced; what is not comes right after `resourceType` when that is first, else at the very front.
#[must_use]
pub fn stamp(json: &Json, id: &str, version: u64, last_updated: Instant) -> Vec<u8> {
    fill_stamp(&unstamped(json, id), version, last_updated)
}

/// Writes what [`stamp`] writes, but with marks for version and time: [`fill_stamp`] puts them in when they are known.
#[must_use]
pub fn unstamped(json: &Json, id: &str) -> Vec<u8> {
    let root = json.root();
    let mut splice = Splice::default();
    if !root.is_object() {
        return json.text().into();
    }
    let (version, last_updated) = (format!("\"{VERSION_MARK}\""), format!("\"{TIME_MARK}\""));
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

/// Puts version and time into an unstamped text.
#[must_use]
pub fn fill_stamp(unstamped: &[u8], version: u64, last_updated: Instant) -> Vec<u8> {
    let (version, last_updated) = (version.to_string(), last_updated.to_fhir());
    let mut filled = Vec::with_capacity(unstamped.len() + version.len() + last_updated.len());
    let is_mark = |byte: &u8| *byte == VERSION_MARK as u8 || *byte == TIME_MARK as u8;
    let mut rest = unstamped;
    // One of each: what comes after them need not be looked through.
    for _ in 0..2 {
        let Some(at) = rest.iter().position(is_mark) else { break };
        let (before, after) = rest.split_at(at);
        filled.extend_from_slice(before);
        let mark = after.first().copied().unwrap_or_default();
        filled.extend_from_slice(if mark == VERSION_MARK as u8 { version.as_bytes() } else { last_updated.as_bytes() });
        rest = after.get(1..).unwrap_or_default();
    }
    filled.extend_from_slice(rest);
    filled
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

/// Replaces the references for which `rewrite` has an answer; nothing when it has none for any.
#[must_use]
pub fn rewrite_references(json: &Json, rewrite: impl Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
    let rewritten = references(json).into_iter().filter_map(|node| {
        let text: Cow<'_, str> = node.as_str().unwrap_or_default();
        Some((node, rewrite(&text)?))
    });
    let rewritten: Vec<_> = rewritten.collect();
    (!rewritten.is_empty()).then(|| replace_texts(json, rewritten))
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
