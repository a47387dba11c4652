//! Which namespace a name of an XML text is in: <https://www.w3.org/TR/xml-names/>.

use crate::xml_scan::Tag;

/// What all elements are in but those of narratives.
pub(crate) const FHIR: &str = "http://hl7.org/fhir";
/// What the `div` of a narrative is in, and all that is in it.
pub(crate) const XHTML: &str = "http://www.w3.org/1999/xhtml";
/// What says where a schema lies.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The prefixes that are declared around a place, the innermost last; the empty one is for names without.
#[derive(Default)]
pub(crate) struct Scope<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Scope<'t> {
    /// A scope in which names without a prefix are in a namespace.
    pub(crate) fn of(namespace: &'t str) -> Self {
        Self(vec![("", namespace)])
    }

    /// Takes what a tag declares; the answer is for [`Scope::leave`].
    pub(crate) fn enter(&mut self, tag: &Tag<'t>) -> usize {
        let before = self.0.len();
        for attribute in &tag.attributes {
            if let Some(prefix) = declared(attribute.name) {
                self.0.push((prefix, attribute.value));
            }
        }
        before
    }

    /// Forgets what was declared since.
    pub(crate) fn leave(&mut self, before: usize) {
        self.0.truncate(before);
    }

    /// The namespace of the name of an element, empty when there is none, and the name without its prefix.
    pub(crate) fn of_element(&self, name: &'t str) -> (&'t str, &'t str) {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let found = self.0.iter().rev().find(|(known, _)| *known == prefix);
        (found.map_or("", |(_, namespace)| namespace), local)
    }
}

/// The prefix that an attribute of that name declares.
pub(crate) fn declared(name: &str) -> Option<&str> {
    if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") }
}
