//! References, judged by their text: <https://hl7.org/fhir/R4/references.html>.

use std::borrow::Cow;

use fhir::Reference;

use crate::walk::{Place, Walk, shown};

const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

impl<'a> Walk<'_, 'a> {
    /// Holds the target that the text of a reference tells against the allowed targets; none means any.
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
        let Some(type_name) = told.or(stated) else { return };
        if !targets.is_empty() && !targets.iter().any(|target| self.is_target(&type_name, target)) {
            self.error(place, "value", || {
                let wanted: Vec<&str> = targets.iter().filter_map(|url| url.rsplit('/').next()).collect();
                format!("the reference points to `{}`, expected {}", shown(&type_name), wanted.join(" or "))
            });
        }
    }

    /// Finds the type of the target, when the text tells it.
    fn target_type(&mut self, text: &str) -> Result<Option<Cow<'a, str>>, &'static str> {
        if let Some(id) = text.strip_prefix('#') {
            if id.is_empty() {
                return Ok(self.container.str("resourceType"));
            }
            let found = self.contained_type(id);
            return found.map(Some).ok_or("the reference names a contained resource that is not there");
        }
        let reference = Reference::parse(text);
        let known = reference.type_name().filter(|name| self.validator.definitions().is_resource_type(name));
        Ok(known.map(|name| Cow::Owned(name.to_owned())))
    }

    fn is_target(&self, type_name: &str, target: &str) -> bool {
        let target = target.split_once('|').map_or(target, |(url, _)| url);
        if let Some(name) = target.strip_prefix(BASE)
            && (name == type_name || name == "Resource" || name == "DomainResource")
        {
            return true;
        }
        // Whether the target meets a profile is the business of whoever can read it; here its type counts.
        match self.validator.definitions().profile(target) {
            Some(profile) => profile.type_name == type_name,
            None => !target.starts_with(BASE),
        }
    }
}
