//! Confidentiality labels that somebody else than the feed gave a resource: a feed that does not know of them does not take
//! them away, so that an address that was hidden is not shown again by the next message.

use policy::CONFIDENTIALITY_SYSTEM;
use serde_json::{Value, json};

/// Puts the labels R and V of what others wrote into what the feed says now; whether any was missing there.
pub(crate) fn keep(others: &Value, resource: &mut Value) -> bool {
    let said: Vec<String> = codes(resource).map(str::to_owned).collect();
    let is_missing = |label: &&Value| code(label).is_some_and(|code| !said.iter().any(|said| said == code));
    let missing: Vec<Value> = labels(others).filter(is_missing).cloned().collect();
    let Some(resource) = resource.as_object_mut().filter(|_| !missing.is_empty()) else { return false };
    let Some(meta) = resource.entry("meta").or_insert_with(|| json!({})).as_object_mut() else { return false };
    match meta.entry("security").or_insert_with(|| json!([])) {
        Value::Array(security) => security.extend(missing),
        _ => return false,
    }
    true
}

fn labels(resource: &Value) -> impl Iterator<Item = &Value> {
    resource.pointer("/meta/security").and_then(Value::as_array).into_iter().flatten()
}

fn codes(resource: &Value) -> impl Iterator<Item = &str> {
    labels(resource).filter_map(code)
}

/// The code of a label that hides.
fn code(label: &Value) -> Option<&str> {
    let is_ours = label.get("system").and_then(Value::as_str) == Some(CONFIDENTIALITY_SYSTEM);
    label.get("code").and_then(Value::as_str).filter(|code| is_ours && matches!(*code, "R" | "V"))
}
