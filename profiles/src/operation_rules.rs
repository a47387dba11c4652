//! An OperationDefinition held against the profiles of its Parameters, which may narrow its parameters and must not conflict with them.
//! <https://hl7.org/fhir/R4/operationdefinition-definitions.html#OperationDefinition.inputProfile>

use fhir::{Node, Severity};

use crate::differential::without_version;
use crate::questionnaire_response::list;
use crate::rule::{Rule, TypeRule};
use crate::walk::{Place, Walk, shown};

/// The profiles by the use of the parameters that they are about.
const PROFILES: [(&str, &str); 2] = [("in", "inputProfile"), ("out", "outputProfile")];
/// Types of a parameter that take any value.
const ANY: [&str; 3] = ["Any", "Element", "Type"];

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds the parameters against those that the profiles name.
    pub(crate) fn operation_definition(&mut self, place: Place<'_, 'a>) {
        for (used, property) in PROFILES {
            let Some(url) = place.node.str(property) else { continue };
            let step = place.path.child(property);
            let Some(profile) = self.validator.profile(&url) else {
                self.report(Severity::Warning, Place { path: &step, ..place }, "not-found", || {
                    format!("profile `{}` is not known here, so the parameters were not held against it", shown(&url))
                });
                continue;
            };
            if profile.type_name != "Parameters" {
                self.error(Place { path: &step, ..place }, "invalid", || {
                    format!("profile `{}` is for `{}`, expected Parameters", shown(&url), profile.type_name)
                });
                continue;
            }
            let slices = profile.root.child("parameter").map_or(&[][..], |rule| &rule.slices);
            for (index, parameter) in list(place.node, "parameter").enumerate() {
                let name = parameter.str("name").filter(|_| parameter.str("use").as_deref() == Some(used));
                let Some(name) = name else { continue };
                let step = place.path.child("parameter").at(index);
                let place = Place { node: parameter, path: &step, rule: Some(&profile.url) };
                if let Some(slice) = slices.iter().find(|slice| parameter_name(&slice.rule) == Some(&*name)) {
                    self.parameter_count(place, &slice.rule);
                    self.parameter_type(place, &slice.rule);
                }
            }
        }
    }

    /// The reference has any difference as an error, the standard only a conflict.
    fn parameter_count(&mut self, place: Place<'_, 'a>, rule: &Rule) {
        let node: Node<'a> = place.node;
        let number = |name: &str| node.get(name).and_then(|min| min.as_i64()).and_then(|min| u32::try_from(min).ok());
        let (min, max) = (number("min"), node.str("max"));
        let max_number = max.as_ref().and_then(|max| max.parse::<u32>().ok());
        if let (Some(own), Some(min)) = (rule.min, min)
            && (max_number.is_some_and(|max| own > max) || (self.options.exacting && own != min))
        {
            self.error(place, "business-rule", || format!("`min` is {min}, the profile of the parameters has {own}"));
        }
        if let (Some(own), Some(max)) = (rule.max, max)
            && (min.is_some_and(|min| own < min) || (self.options.exacting && max_number != Some(own)))
        {
            let max = shown(&max).into_owned();
            self.error(place, "business-rule", || format!("`max` is {max}, the profile of the parameters has {own}"));
        }
    }

    fn parameter_type(&mut self, place: Place<'_, 'a>, rule: &Rule) {
        let Some(own) = place.node.str("type").filter(|own| !ANY.contains(&&**own)) else { return };
        let holders = ["resource", "value"].into_iter().filter_map(|name| rule.child(name));
        let types: Vec<&TypeRule> = holders.filter(|rule| rule.max != Some(0)).flat_map(|rule| &rule.types).collect();
        let definitions = self.validator.definitions();
        let mut fitting = types
            .iter()
            .filter(|one| definitions.is_subtype(&one.code, &own) || definitions.is_subtype(&own, &one.code));
        if !types.is_empty() && fitting.next().is_none() {
            return self.error(place, "business-rule", || {
                let wanted: Vec<&str> = types.iter().map(|one| one.code.as_str()).collect();
                format!("the type is `{}`, the profile of the parameters has {}", shown(&own), wanted.join(" or "))
            });
        }
        let targets: Vec<_> = place
            .node
            .get("targetProfile")
            .into_iter()
            .flat_map(|list| list.items())
            .filter_map(|one| one.as_str())
            .collect();
        let mut wanted = types.iter().flat_map(|one| &one.target_profiles).peekable();
        if wanted.peek().is_none() || targets.is_empty() {
            return;
        }
        if !wanted.any(|url| targets.iter().any(|own| without_version(own) == url)) {
            self.error(place, "business-rule", || {
                "the parameter and the profile of the parameters have no target of a reference in common".to_owned()
            });
        }
    }
}

/// Gives the name that a slice asks of its parameter.
fn parameter_name(rule: &Rule) -> Option<&str> {
    let name = rule.child("name")?;
    name.fixed.as_ref().or(name.pattern.as_ref())?.as_str()
}
