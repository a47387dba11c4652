//! Rules on the resources that define others: StructureDefinition, SearchParameter, CapabilityStatement.

use definitions::facts;
use fhir::{Node, Severity};
use serde_json::Value;

use crate::definition_check::{definition_faults, unread_rules};
use crate::definition_faults::Gravity;
use crate::questionnaire_response::list;
use crate::walk::{Place, Walk, shown};

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds a definition against what its kind may say: `sdf-20` apart, the faults that compiling it would find.
    pub(crate) fn structure_definition(&mut self, place: Place<'_, 'a>) {
        let definition = place.node.to_value();
        let views = ["/differential/element", "/snapshot/element"].iter().filter_map(|view| definition.pointer(view));
        let mut faults = unread_rules(views.filter_map(Value::as_array).flatten());
        if facts::is_profile(&definition)
            && let Ok(profile) = facts::profile(&definition)
        {
            faults.extend(definition_faults(&profile, self.validator.definitions()));
        }
        for fault in faults {
            let (severity, code) = match fault.gravity {
                Gravity::Wrong => (Severity::Error, "business-rule"),
                Gravity::Missing => (Severity::Warning, "not-found"),
                Gravity::Odd => (Severity::Warning, "business-rule"),
            };
            self.report(severity, place, code, || fault.to_string());
        }
    }

    /// A parameter that derives from another keeps its type.
    pub(crate) fn search_parameter(&mut self, place: Place<'_, 'a>) {
        let Some(base) = place.node.str("derivedFrom") else { return };
        let Some(base) = self.search_parameter_kind(&base) else { return };
        if place.node.str("type").is_some_and(|own| own != base) {
            self.error(place, "business-rule", || {
                format!("the type is not `{base}`, that of the parameter it derives from")
            });
        }
    }

    /// The search parameters that a server lists have the types of their definitions.
    pub(crate) fn capability_statement(&mut self, place: Place<'_, 'a>) {
        for (index, rest) in list(place.node, "rest").enumerate() {
            let step = place.path.child("rest").at(index);
            self.listed_parameters(Place { node: rest, path: &step, rule: place.rule });
            for (index, resource) in list(rest, "resource").enumerate() {
                let step = step.child("resource").at(index);
                self.listed_parameters(Place { node: resource, path: &step, rule: place.rule });
            }
        }
    }

    fn listed_parameters(&mut self, place: Place<'_, 'a>) {
        for (index, parameter) in list(place.node, "searchParam").enumerate() {
            let step = place.path.child("searchParam").at(index);
            let (Some(url), Some(own)) = (parameter.str("definition"), parameter.str("type")) else { continue };
            if let Some(kind) = self.search_parameter_kind(&url).filter(|kind| *kind != own) {
                let place = Place { node: parameter, path: &step, rule: place.rule };
                self.error(place, "business-rule", || {
                    format!("the type is `{}`, that of the definition `{}` is `{kind}`", shown(&own), shown(&url))
                });
            }
        }
    }

    fn search_parameter_kind(&self, url: &str) -> Option<&'v str> {
        let url = url.split('|').next().unwrap_or(url);
        let known = self.validator.definitions().search_parameters();
        known.iter().find(|one| one.url == url).map(|one| one.kind.as_str())
    }

    /// Says so when two contained resources share an id.
    pub(crate) fn contained_ids(&mut self, place: Place<'_, 'a>) {
        let mut seen: Vec<std::borrow::Cow<'a, str>> = Vec::new();
        for (index, resource) in list(place.node, "contained").enumerate() {
            let Some(id) = resource.str("id") else { continue };
            if seen.contains(&id) {
                let step = place.path.child("contained").at(index);
                let node: Node<'a> = resource;
                let place = Place { node, path: &step, rule: place.rule };
                self.error(place, "duplicate", || "another contained resource has this id".to_owned());
            }
            seen.push(id);
        }
    }
}
