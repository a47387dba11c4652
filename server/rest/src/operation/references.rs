//! What a resource refers to on this server.

use std::collections::BTreeSet;

use fhir::{Json, Node, Reference};

/// Types and ids.
pub(crate) type Names = BTreeSet<(String, String)>;

/// The targets of every reference of a resource that is to a resource of this server.
pub(crate) fn local_targets(json: &Json, base_url: &str) -> Names {
    fhir::resource::references(json).into_iter().filter_map(|node| local_target(node, base_url)).collect()
}

/// The target of the text of a reference, when it is on this server.
fn local_target(text: Node<'_>, base_url: &str) -> Option<(String, String)> {
    match Reference::parse(&text.as_str()?) {
        Reference::Relative { type_name, id, .. } => Some((type_name, id)),
        Reference::Absolute { base, type_name, id, .. } if base == base_url => Some((type_name, id)),
        _ => None,
    }
}
