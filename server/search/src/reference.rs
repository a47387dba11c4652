//! What a reference text points to, in the form that entries and filters share.

use fhir::Reference;

use crate::index::IndexValue;
use crate::normalise::cut;

/// A local target (`url: None`), an absolute one (all three) or another text (`url` only).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) type_name: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) url: Option<String>,
}

impl Target {
    /// Reads a reference text; contained resources are nobody else's target.
    pub(crate) fn parse(text: &str) -> Option<Target> {
        let other = |url: &str| Target { type_name: None, id: None, url: Some(cut(url).to_owned()) };
        match Reference::parse(text) {
            Reference::Relative { type_name, id, .. } => {
                Some(Target { type_name: Some(type_name), id: Some(id), url: None })
            }
            Reference::Absolute { base, type_name, id, .. } => {
                let url = format!("{base}/{type_name}/{id}");
                Some(Target { url: Some(cut(&url).to_owned()), type_name: Some(type_name), id: Some(id) })
            }
            Reference::Urn(urn) => Some(other(&urn)),
            Reference::Other(text) if !text.is_empty() => Some(other(&text)),
            Reference::Fragment(_) | Reference::Conditional { .. } | Reference::Other(_) => None,
        }
    }
}

impl From<Target> for IndexValue {
    fn from(target: Target) -> IndexValue {
        IndexValue::Reference { type_name: target.type_name, id: target.id, url: target.url }
    }
}
