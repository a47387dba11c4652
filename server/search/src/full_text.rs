//! The words of a resource, for `_text` and `_content`. <https://hl7.org/fhir/R4/search.html#content>

use fhir::Json;

/// Folded words, separated by single blanks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FullText {
    /// Of the narrative (`text.div`).
    pub narrative: String,
    /// Of all text that a person would read: the narrative, names, displays, notes.
    pub content: String,
}

/// The words of a resource.
pub fn full_text(_resource: &Json) -> FullText {
    FullText::default()
}
