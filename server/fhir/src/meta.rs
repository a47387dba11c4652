//! Profiles, tags and security labels of a resource: <https://hl7.org/fhir/R4/resource.html#Meta>.

use crate::splice::Splice;
use crate::{Json, Node};

/// The lists of `meta` that are sets: an entry stands in each but once.
pub const LABEL_LISTS: [&str; 3] = ["profile", "tag", "security"];

/// What an entry of a list is known by: a profile by its url, a tag or security label by system and code.
#[must_use]
pub fn label_key(entry: Node<'_>) -> (String, String) {
    match entry.as_str() {
        Some(url) => (String::new(), url.into_owned()),
        None => {
            let part = |name| entry.str(name).map(|text| text.into_owned()).unwrap_or_default();
            (part("system"), part("code"))
        }
    }
}

/// Gives the text of a resource with the entries of `meta` added; one that is there already is left as it is.
#[must_use]
pub fn add_labels(json: &Json, meta: Node<'_>) -> Vec<u8> {
    with_lists(json, |name, old| {
        let mut entries: Vec<Node<'_>> = old.clone();
        for entry in entries_of(Some(meta), name) {
            if !entries.iter().any(|known| label_key(*known) == label_key(entry)) {
                entries.push(entry);
            }
        }
        entries
    })
}

/// Gives the text of a resource without the entries of `meta`.
#[must_use]
pub fn delete_labels(json: &Json, meta: Node<'_>) -> Vec<u8> {
    with_lists(json, |name, old| {
        let gone: Vec<_> = entries_of(Some(meta), name).map(label_key).collect();
        old.iter().copied().filter(|entry| !gone.contains(&label_key(*entry))).collect()
    })
}

fn entries_of<'a>(meta: Option<Node<'a>>, name: &str) -> impl Iterator<Item = Node<'a>> + use<'a> {
    meta.and_then(|meta| meta.get(name)).into_iter().flat_map(|list| list.each())
}

/// Rewrites `meta` where a list of it changes; every other byte stays.
fn with_lists<'a>(json: &'a Json, change: impl Fn(&str, &Vec<Node<'a>>) -> Vec<Node<'a>>) -> Vec<u8> {
    let root = json.root();
    let meta = root.get("meta").filter(Node::is_object);
    let mut changed: Vec<(&str, String)> = Vec::new();
    for name in LABEL_LISTS {
        let old: Vec<Node<'a>> = entries_of(meta, name).collect();
        let new = change(name, &old);
        if new.len() != old.len() {
            let entries: Vec<&str> = new.iter().map(Node::raw).collect();
            changed.push((name, entries.join(",")));
        }
    }
    if changed.is_empty() || !root.is_object() {
        return json.text().into();
    }
    let mut members: Vec<String> = Vec::new();
    for (key, value) in meta.into_iter().flat_map(|meta| meta.entries()) {
        let name = key.as_str().unwrap_or_default();
        // The extensions of profile urls stand by position, which no longer holds.
        let is_rewritten = |(list, _): &(&str, String)| name == *list || name.strip_prefix('_') == Some(*list);
        if !changed.iter().any(is_rewritten) {
            members.push(format!("{}:{}", key.raw(), value.raw()));
        }
    }
    let lists = changed.iter().filter(|(_, entries)| !entries.is_empty());
    members.extend(lists.map(|(name, entries)| format!("\"{name}\":[{entries}]")));
    let text = format!("{{{}}}", members.join(","));
    let mut splice = Splice::default();
    match root.get("meta") {
        Some(old) => splice.replace(old.offset()..old.end_offset(), text),
        None => splice.insert(root.offset() + 1, format!("\"meta\":{text}{}", if root.is_empty() { "" } else { "," })),
    }
    splice.apply(json.text())
}
