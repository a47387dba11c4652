//! Extensions: <https://hl7.org/fhir/R4/extensibility.html>.

use fhir::{Node, Severity};

use crate::path::Path;
use crate::questionnaire_response::list;
use crate::rule::{Rule, Slice};
use crate::walk::{Place, Walk, shown};

/// Where the extensions of HL7's tools begin.
const HL7_TOOLS: &str = "http://hl7.org/fhir/tools/";

/// Parts of the urls that the standard keeps for examples.
const EXAMPLES: [&str; 3] = ["example.org", "acme.com", "nema.org"];

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds an extension against its definition, if that is known.
    pub(crate) fn extension(&mut self, node: Node<'a>, path: &Path<'_>, is_modifier: bool) {
        let Some(url) = node.str("url") else { return };
        // The parts of a complex extension have plain names; the rules of the whole look after them.
        if !url.contains(':') && self.extension_urls.last().is_some() {
            return;
        }
        let place = Place { node, path, rule: None };
        if !url.contains(':') {
            return self.error(place, "extension", || "the url of an extension must be absolute".to_owned());
        }
        match self.validator.profile(&url) {
            Some(profile) if profile.type_name == "Extension" => {
                if profile.is_modifier && !is_modifier {
                    self.error(place, "extension", || format!("`{}` must be a modifierExtension", shown(&url)));
                } else if is_modifier && !profile.is_modifier {
                    self.error(place, "extension", || format!("`{}` must not be a modifierExtension", shown(&url)));
                }
                self.context(place, &url, &profile.context);
                self.profile(node, profile, path);
                self.parts(place, &url, &profile.root, is_modifier);
            }
            Some(_) => self.error(place, "extension", || format!("`{}` is a profile, not an extension", shown(&url))),
            None if self.options.extension_domains.iter().any(|domain| url.starts_with(domain.as_str())) => {}
            // Who does not understand a modifier must not use the data (section 2.4.1).
            None if is_modifier => {
                self.error(place, "extension", || format!("modifier extension `{}` is not known here", shown(&url)));
            }
            None => {
                let is_hl7 = url.starts_with(HL7_TOOLS) || is_of_other_version(&url);
                let is_allowed = is_hl7 || EXAMPLES.iter().any(|part| url.contains(part));
                let severity =
                    if self.options.exacting && !is_allowed { Severity::Error } else { Severity::Information };
                self.report(severity, place, "extension", || {
                    format!("extension `{}` is not known here and was not checked", shown(&url))
                });
            }
        }
    }

    /// Says which parts of a complex extension its definition does not have; nobody can tell what they mean.
    fn parts(&mut self, place: Place<'_, 'a>, url: &str, rule: &Rule, is_modifier: bool) {
        let node: Node<'a> = place.node;
        let slices = rule.children.iter().find(|child| child.name == "extension").map(|child| &child.rule.slices[..]);
        for (index, part) in list(node, "extension").enumerate() {
            let Some(name) = part.str("url").filter(|name| !name.contains(':')) else { continue };
            let step = place.path.child("extension").at(index);
            let place = Place { node: part, path: &step, ..place };
            let is_it = |slice: &&Slice| {
                slice
                    .rule
                    .child("url")
                    .and_then(|url| url.fixed.as_ref())
                    .map_or(slice.name == name, |url| url.as_str() == Some(&*name))
            };
            match slices.into_iter().flatten().find(is_it) {
                Some(slice) => self.parts(place, url, &slice.rule, is_modifier),
                None => {
                    let is_error = self.options.exacting || is_modifier;
                    let severity = if is_error { Severity::Error } else { Severity::Warning };
                    self.report(severity, place, "extension", || {
                        format!("extension `{}` has no part `{}`", shown(url), shown(&name))
                    });
                }
            }
        }
    }
}

/// Says whether an extension carries an element of another version of FHIR, as `http://hl7.org/fhir/5.0/StructureDefinition/extension-...`.
fn is_of_other_version(url: &str) -> bool {
    let version =
        url.strip_prefix("http://hl7.org/fhir/").and_then(|rest| rest.split_once("/StructureDefinition/extension-"));
    version.is_some_and(|(version, _)| matches!(version, "1.0" | "3.0" | "4.0" | "4.3" | "5.0" | "6.0"))
}
