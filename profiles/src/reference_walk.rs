//! References: their form, what they may point to, and what they lead to: <https://hl7.org/fhir/R4/references.html>.

use std::borrow::Cow;

use fhir::{Node, Reference};
use terminology::Told;

use crate::options::Question;
use crate::walk::{Place, Walk, shown};

const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds a reference against the allowed targets; none means any.
    pub(crate) fn reference(&mut self, place: Place<'_, 'a>, targets: &[String]) {
        let node = place.node;
        let stated = node.str("type");
        let told = match node.str("reference") {
            Some(text) => match self.target_type(&text) {
                Ok(told) => told,
                Err(message) => return self.error(place, "value", || message.to_owned()),
            },
            None => None,
        };
        if let (Some(told), Some(stated)) = (&told, &stated)
            && told != stated
            && stated.as_ref() != format!("{BASE}{told}")
        {
            self.error(place, "value", || {
                format!("the reference points to `{}`, its `type` says `{}`", shown(told), shown(stated))
            });
        }
        self.target_exists(place);
        let Some(type_name) = told.or(stated) else { return };
        if targets.is_empty() {
            return;
        }
        if !targets.iter().any(|target| self.is_target(&type_name, target)) {
            return self.error(place, "value", || {
                let wanted: Vec<&str> = targets.iter().filter_map(|url| url.rsplit('/').next()).collect();
                format!("the reference points to `{}`, expected {}", shown(&type_name), wanted.join(" or "))
            });
        }
        self.target_profile(place, targets);
    }

    /// Holds the place of the target against the modes of aggregation of each type that a profile allows:
    /// <https://hl7.org/fhir/R4/valueset-resource-aggregation-mode.html>.
    pub(crate) fn aggregation<'r>(&mut self, place: Place<'_, 'a>, types: impl Iterator<Item = &'r [String]> + Clone) {
        let Some(text) = place.node.str("reference") else { return };
        let found: &[&str] = if text.starts_with('#') {
            &["contained"]
        } else if self.around.entry(&text).is_some() {
            // What lies in the same Bundle lies outside the resource all the same.
            &["bundled", "referenced"]
        } else {
            &["referenced"]
        };
        let allows = |modes: &[String]| modes.is_empty() || modes.iter().any(|mode| found.contains(&mode.as_str()));
        if !types.clone().any(allows) {
            self.error(place, "value", || {
                let wanted: Vec<&str> = types.flatten().map(String::as_str).collect();
                format!("the target of the reference is {}, expected {}", found.join(" and "), wanted.join(" or "))
            });
        }
    }

    /// Asks whether the target is there, where it is a resource of a server and not at hand.
    fn target_exists(&mut self, place: Place<'_, 'a>) {
        // Whether a resource meets a profile does not depend on what is stored.
        let Some(severity) = self.options.missing_target.filter(|_| !self.around.is_aside()) else { return };
        let Some(text) = place.node.str("reference") else { return };
        let is_of_server = matches!(Reference::parse(&text), Reference::Relative { .. } | Reference::Absolute { .. });
        if !is_of_server || self.around.entry(&text).is_some() {
            return;
        }
        let question = || Question::ReferenceExists { reference: text.clone().into_owned() };
        if self.around.asking.ask(question) == Some(&Told::No) {
            self.report(severity, place, "not-found", || {
                "the target of the reference is not here, or not for this client to see".to_owned()
            });
        }
    }

    /// Holds a target that is at hand against the profiles, of which it must meet one.
    fn target_profile(&mut self, place: Place<'_, 'a>, targets: &[String]) {
        if targets.iter().all(|target| target.starts_with(BASE) && self.validator.profile(target).is_none()) {
            return;
        }
        let Some(target) = self.around.target(place.node, self.container) else { return };
        let type_name = target.str("resourceType").unwrap_or_default();
        let container = self.container;
        let meets = |url: &String| match self.validator.profile(url) {
            Some(_) => self.around.conforms(target, url, container) != Some(false),
            None => self.is_target(&type_name, url),
        };
        if !targets.iter().any(meets) {
            self.error(place, "structure", || {
                format!("the target of the reference meets none of the profiles `{}`", targets.join("`, `"))
            });
        }
    }

    /// Gives the type that a reference tells by its text or its `type`.
    pub(crate) fn told_type(&self, reference: Node<'a>) -> Option<String> {
        let text = reference.str("reference");
        let parsed = text.as_deref().map(Reference::parse);
        let told = parsed.as_ref().and_then(|reference| reference.type_name().map(str::to_owned));
        told.or_else(|| reference.str("type").map(|stated| stated.trim_start_matches(BASE).to_owned()))
    }

    /// Finds the type of the target, when the text tells it.
    fn target_type(&mut self, text: &str) -> Result<Option<Cow<'a, str>>, &'static str> {
        if let Some(id) = text.strip_prefix('#') {
            if id.is_empty() {
                return Ok(self.container.str("resourceType"));
            }
            let found = self.around.contained(self.container, id);
            return found
                .map(|found| found.str("resourceType"))
                .ok_or("the reference names a contained resource that is not there (`ref-1`)");
        }
        if let Some(found) = self.around.entry(text) {
            return Ok(found.str("resourceType"));
        }
        let reference = Reference::parse(text);
        let is_type = |name: &&str| self.validator.definitions().is_resource_type(name);
        match reference.type_name() {
            Some(name) => Ok(Some(name).filter(is_type).map(|name| Cow::Owned(name.to_owned()))),
            None => Ok(None),
        }
    }

    fn is_target(&self, type_name: &str, target: &str) -> bool {
        let target = target.split_once('|').map_or(target, |(url, _)| url);
        if let Some(name) = target.strip_prefix(BASE)
            && (name == type_name || name == "Resource" || name == "DomainResource")
        {
            return true;
        }
        match self.validator.definitions().profile(target) {
            Some(profile) => profile.type_name == type_name,
            None => !target.starts_with(BASE),
        }
    }
}
