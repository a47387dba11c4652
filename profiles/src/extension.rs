//! Extensions: <https://hl7.org/fhir/R4/extensibility.html>; where one may stand: <https://hl7.org/fhir/R4/defining-extensions.html#context>.

use definitions::ExtensionContext;
use fhir::{Node, Severity};

use crate::path::Path;
use crate::questionnaire_response::list;
use crate::rule::{Rule, Slice};
use crate::walk::{Place, Walk, shown};

/// Where the extensions of HL7 begin. They are added to and widened apart from R4, so that one of them may be unknown or stand
/// elsewhere and still be right.
const HL7: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Where the extensions of HL7's tools begin.
const HL7_TOOLS: &str = "http://hl7.org/fhir/tools/";

/// Parts of the urls that the standard keeps for examples.
const EXAMPLES: [&str; 3] = ["example.org", "acme.com", "nema.org"];

/// The object that carries an extension.
#[derive(Clone, Copy, Default)]
pub(crate) struct Holder<'v> {
    /// Its type, as `Address`, `Patient.contact` or `date`.
    pub(crate) type_name: &'v str,
    /// The type of the object around it.
    pub(crate) owner: &'v str,
}

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
                let contexts = self.validator.definitions().profile(&url).map_or(&[][..], |found| &found.context);
                self.context(place, &url, contexts);
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
                let is_hl7 = url.starts_with(HL7) || url.starts_with(HL7_TOOLS) || is_of_other_version(&url);
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

    /// Says so when an extension stands where its definition does not let it.
    fn context(&mut self, place: Place<'_, 'a>, url: &str, contexts: &[ExtensionContext]) {
        let Some(holder) = place.path.parent() else { return };
        if contexts.is_empty() || contexts.iter().any(|context| self.is_context(context, holder)) {
            return;
        }
        let is_error = self.options.exacting && !url.starts_with(HL7);
        let severity = if is_error { Severity::Error } else { Severity::Warning };
        self.report(severity, place, "extension", || {
            let wanted: Vec<&str> = contexts.iter().map(|context| context.expression.as_str()).collect();
            format!("extension `{}` may not stand here, but on {}", shown(url), wanted.join(", "))
        });
    }

    fn is_context(&self, context: &ExtensionContext, holder: &Path<'_>) -> bool {
        let wanted = context.expression.as_str();
        match context.kind.as_str() {
            "extension" => self.extension_urls.last().is_some_and(|url| url == wanted),
            "element" => {
                let wanted = wanted.rsplit('#').next().unwrap_or(wanted).replace("[x]", "");
                let definitions = self.validator.definitions();
                let Holder { type_name, owner } = self.holder;
                let inner = holder.name();
                wanted == "Element"
                    || wanted == type_name
                    || definitions.is_subtype(type_name, &wanted)
                    || wanted.split_once('.').is_some_and(|(start, rest)| {
                        (start == owner && rest == inner) || self.is_path(start, rest, holder)
                    })
                    || wanted.strip_suffix(inner).and_then(|rest| rest.strip_suffix('.')) == Some(owner)
            }
            // What a FHIRPath context means depends on where it starts, which definitions leave open.
            _ => true,
        }
    }

    /// Says whether a path of the resource's type leads to the holder.
    fn is_path(&self, start: &str, rest: &str, holder: &Path<'_>) -> bool {
        let own = self.resource.str("resourceType");
        let names = holder.names_in_resource();
        own.as_deref().is_some_and(|own| self.validator.definitions().is_subtype(own, start)) && names == rest
    }
}

/// Says whether an extension carries an element of another version of FHIR, as `http://hl7.org/fhir/5.0/StructureDefinition/extension-...`.
fn is_of_other_version(url: &str) -> bool {
    let version =
        url.strip_prefix("http://hl7.org/fhir/").and_then(|rest| rest.split_once("/StructureDefinition/extension-"));
    version.is_some_and(|(version, _)| matches!(version, "1.0" | "3.0" | "4.0" | "4.3" | "5.0" | "6.0"))
}
