//! Extensions: <https://hl7.org/fhir/R4/extensibility.html>.

use fhir::{Node, Severity};

use crate::path::Path;
use crate::walk::{Place, Walk, shown};

impl<'a> Walk<'_, 'a> {
    /// Holds an extension against its definition, if that is known.
    pub(crate) fn extension(&mut self, node: Node<'a>, path: &Path<'_>, is_modifier: bool) {
        let Some(url) = node.str("url") else { return };
        // The parts of a complex extension have plain names; the rules of the whole look after them.
        if !url.contains(':') {
            return;
        }
        let place = Place { node, path, rule: None };
        match self.validator.profile(&url) {
            Some(profile) if profile.type_name == "Extension" => self.profile(node, profile, path),
            Some(_) => self.error(place, "extension", || format!("`{}` is a profile, not an extension", shown(&url))),
            // Who does not understand a modifier must not use the data (section 2.4.1).
            None if is_modifier => {
                self.error(place, "extension", || format!("modifier extension `{}` is not known here", shown(&url)));
            }
            None => self.report(Severity::Information, place, "extension", || {
                format!("extension `{}` is not known here and was not checked", shown(&url))
            }),
        }
    }
}
