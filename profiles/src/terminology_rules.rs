//! Rules on CodeSystem, ValueSet and ConceptMap: <https://hl7.org/fhir/R4/valueset.html#compositions>.

use fhir::{Node, Severity};
use terminology::Membership;

use crate::datatype_rules::is_absolute;
use crate::questionnaire_response::list;
use crate::snomed::{SNOMED_CT, is_snomed_code};
use crate::walk::{Place, Walk, shown};

/// The filter operators whose value is a code of the system.
const CODE_FILTERS: [&str; 4] = ["is-a", "descendent-of", "is-not-a", "generalizes"];
/// The properties that are true or false.
const TRUTHS: [&str; 2] = ["notSelectable", "inactive"];
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
const EXPRESSION: &str = "http://hl7.org/fhir/StructureDefinition/cqf-expression";

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds the composition of a value set against the code systems that it names.
    pub(crate) fn value_set(&mut self, place: Place<'_, 'a>) {
        let Some(compose) = place.node.get("compose") else { return };
        let step = place.path.child("compose");
        for name in ["include", "exclude"] {
            for (index, include) in list(compose, name).enumerate() {
                let step = step.child(name).at(index);
                self.include(Place { node: include, path: &step, rule: place.rule });
            }
        }
    }

    fn include(&mut self, place: Place<'_, 'a>) {
        let Some(system) = place.node.str("system") else { return };
        if !is_absolute(&system) {
            return self.error(place, "invalid", || "the system of a value set must be an absolute uri".to_owned());
        }
        if self.validator.definitions().code_system(&system).is_none()
            && self.validator.definitions().value_set(&system).is_some()
        {
            return self
                .error(place, "invalid", || format!("`{}` is a value set, expected a code system", shown(&system)));
        }
        for (index, concept) in list(place.node, "concept").enumerate() {
            let Some(code) = concept.str("code") else { continue };
            let step = place.path.child("concept").at(index);
            self.must_be_code(Place { node: concept, path: &step, rule: place.rule }, &system, &code);
        }
        for (index, filter) in list(place.node, "filter").enumerate() {
            let step = place.path.child("filter").at(index);
            self.filter(Place { node: filter, path: &step, rule: place.rule }, &system);
        }
    }

    fn filter(&mut self, place: Place<'_, 'a>, system: &str) {
        let extensions = place.node.at(&["_value", "extension"]).into_iter().flat_map(|list| list.items());
        for expression in extensions.filter(|one| one.str("url").as_deref() == Some(EXPRESSION)) {
            let language = expression.at(&["valueExpression", "language"]).and_then(|language| language.as_str());
            if language.is_some_and(|language| language != "text/fhirpath") {
                self.error(place, "invalid", || "an expression in a value set must be in FHIRPath".to_owned());
            }
        }
        let (Some(property), Some(op), Some(value)) =
            (place.node.str("property"), place.node.str("op"), place.node.str("value"))
        else {
            return;
        };
        if matches!(&*property, "concept" | "code") && CODE_FILTERS.contains(&&*op) {
            self.must_be_code(place, system, &value);
        } else if op == "=" && TRUTHS.contains(&&*property) && !matches!(&*value, "true" | "false") {
            self.error(place, "invalid", || format!("the property `{property}` is `true` or `false`"));
        } else if op == "="
            && let Some((system, code)) = value.split_once('#').filter(|(system, _)| is_absolute(system))
        {
            self.must_be_code(place, system, code);
        }
    }

    fn must_be_code(&mut self, place: Place<'_, 'a>, system: &str, code: &str) {
        let is_malformed = system == SNOMED_CT && !is_snomed_code(code);
        if is_malformed || self.around.check_code(system, code) == Membership::NotMember {
            let severity = if self.options.exacting { Severity::Error } else { Severity::Warning };
            self.report(severity, place, "code-invalid", || {
                format!("code `{}` is not one of the code system `{}`", shown(code), shown(system))
            });
        }
    }

    /// Holds a code system against the rules on what it says of itself.
    pub(crate) fn code_system(&mut self, place: Place<'_, 'a>) {
        let node: Node<'a> = place.node;
        let content = node.str("content");
        if let Some(base) = node.str("supplements") {
            if content.as_deref().is_some_and(|content| content != "supplement") {
                let step = place.path.child("content");
                self.error(Place { path: &step, ..place }, "business-rule", || {
                    "what supplements another code system must have the content `supplement`".to_owned()
                });
            }
            self.supplemented(place, &base);
        } else if content.as_deref() == Some("supplement") {
            self.error(place, "business-rule", || {
                "a supplement must name the code system that it supplements".to_owned()
            });
        }
        let count = node.get("count").and_then(|count| count.as_i64());
        let own = concepts(node);
        if let Some(count) = count.filter(|count| content.as_deref() == Some("complete") && *count != own) {
            self.error(place, "business-rule", || {
                format!("`count` is {count}, found {own} concepts in a complete code system")
            });
        }
    }

    /// The codes that a concept map leads from and to are codes of their systems.
    pub(crate) fn concept_map(&mut self, place: Place<'_, 'a>) {
        for (index, group) in list(place.node, "group").enumerate() {
            let step = place.path.child("group").at(index);
            let (source, target) = (group.str("source"), group.str("target"));
            for (index, element) in list(group, "element").enumerate() {
                let step = step.child("element").at(index);
                let place = Place { node: element, path: &step, rule: place.rule };
                if let (Some(system), Some(code)) = (&source, element.str("code")) {
                    self.must_be_code(place, system, &code);
                }
                for (index, mapped) in list(element, "target").enumerate() {
                    let step = step.child("target").at(index);
                    if let (Some(system), Some(code)) = (&target, mapped.str("code")) {
                        self.must_be_code(Place { node: mapped, path: &step, rule: place.rule }, system, &code);
                    }
                }
            }
        }
    }

    fn supplemented(&mut self, place: Place<'_, 'a>, base: &str) {
        for (index, concept) in list(place.node, "concept").enumerate() {
            let Some(code) = concept.str("code") else { continue };
            let step = place.path.child("concept").at(index);
            self.must_be_code(Place { node: concept, path: &step, rule: place.rule }, base, &code);
        }
    }
}

fn concepts(node: Node<'_>) -> i64 {
    list(node, "concept").map(|concept| 1 + concepts(concept)).sum()
}
