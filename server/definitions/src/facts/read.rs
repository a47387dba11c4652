//! Short ways to the members of a JSON value.

use serde_json::Value;

pub(super) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

pub(super) fn owned(value: &Value, name: &str) -> Option<String> {
    text(value, name).map(str::to_owned)
}

pub(super) fn or_empty(value: &Value, name: &str) -> String {
    owned(value, name).unwrap_or_default()
}

pub(super) fn required(value: &Value, name: &str) -> Result<String, String> {
    owned(value, name).ok_or_else(|| format!("there is no `{name}`"))
}

pub(super) fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

pub(super) fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn texts(value: &Value, name: &str) -> Vec<String> {
    list(value, name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Gives the value of the extension of a url, whatever its type.
pub(super) fn extension<'v>(value: &'v Value, url: &str) -> Option<&'v Value> {
    let found = list(value, "extension").iter().find(|extension| text(extension, "url") == Some(url))?;
    let mut members = found.as_object()?.iter();
    members.find(|(name, _)| name.starts_with("value")).map(|(_, value)| value)
}

/// Gives the value of the member whose name starts with a word and ends with a type, as `fixedCode`.
pub(super) fn typed<'v>(value: &'v Value, prefix: &str) -> Option<&'v Value> {
    let is_typed = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(char::is_uppercase));
    value.as_object()?.iter().find(|(name, _)| is_typed(name)).map(|(_, value)| value)
}

/// Leaves out the version of a canonical url.
pub(super) fn without_version(url: &str) -> &str {
    url.split_once('|').map_or(url, |(url, _)| url)
}
