//! Entries of a document or message that no link leads to: <https://hl7.org/fhir/R4/documents.html#content>.

use std::collections::HashMap;

use fhir::{Kind, Node, Severity};

use crate::walk::{Place, Walk};

/// Longer texts name no entry.
const LINK_LENGTH_MAX_BYTES: usize = 2_048;

/// Entries that hang together, each with one that stands for its group.
struct Groups(Vec<usize>);

impl Groups {
    fn of(&mut self, mut entry: usize) -> usize {
        while let Some(next) = self.0.get(entry).copied().filter(|next| *next != entry) {
            let after = self.0.get(next).copied().unwrap_or(next);
            if let Some(own) = self.0.get_mut(entry) {
                *own = after;
            }
            entry = after;
        }
        entry
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.of(one), self.of(other));
        if let Some(own) = self.0.get_mut(other) {
            *own = one;
        }
    }
}

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Says which entries do not hang together with the first by links in either direction. For the reference that is an error in a
    /// document; but the entry itself is as good as the others.
    pub(crate) fn orphans(&mut self, place: Place<'_, 'a>, entries: &[Node<'a>], is_document: bool) {
        let mut groups = self.groups(entries);
        let main = groups.of(0);
        let severity = if is_document && self.options.exacting { Severity::Error } else { Severity::Warning };
        for (index, entry) in entries.iter().enumerate() {
            if groups.of(index) == main {
                continue;
            }
            let step = place.path.child("entry").at(index);
            self.report(severity, Place { node: *entry, path: &step, rule: place.rule }, "structure", || {
                "no link leads from the first entry to this one, or from this one to those that are linked".to_owned()
            });
        }
    }

    fn groups(&self, entries: &[Node<'a>]) -> Groups {
        let mut groups = Groups((0..entries.len()).collect());
        let (mut by_place, mut by_url) = (HashMap::new(), HashMap::new());
        for (index, entry) in entries.iter().enumerate() {
            if let Some(resource) = entry.get("resource") {
                by_place.insert(resource.index(), index);
            }
            if let Some(url) = entry.str("fullUrl") {
                // Versions of one resource.
                groups.join(*by_url.entry(url).or_insert(index), index);
            }
        }
        for (index, entry) in entries.iter().enumerate() {
            let outer = self.around.enter_entry(entry.str("fullUrl"));
            each_link(*entry, &mut |text| {
                let plain = text.split_once("/_history/").map_or(text, |(plain, _)| plain);
                let target = self.around.entry(plain).and_then(|target| by_place.get(&target.index()));
                if let Some(target) = target {
                    groups.join(*target, index);
                }
            });
            self.around.enter_entry(outer);
        }
        groups
    }
}

/// Visits every text below a node that may name an entry; the parser has bounded the depth.
fn each_link(node: Node<'_>, visit: &mut dyn FnMut(&str)) {
    match node.kind() {
        Kind::Object => node.entries().for_each(|(_, value)| each_link(value, visit)),
        Kind::Array => node.items().for_each(|item| each_link(item, visit)),
        Kind::String => {
            let text = node.as_str().unwrap_or_default();
            if text.len() <= LINK_LENGTH_MAX_BYTES && !text.starts_with('#') && text.contains(['/', ':']) {
                visit(&text);
            }
        }
        _ => {}
    }
}
