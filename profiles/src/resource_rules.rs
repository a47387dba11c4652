//! Rules on a resource as a whole that its element definitions do not hold; each kind of resource has its own file.

use fhir::Severity;

use crate::datatype_rules::is_absolute;
use crate::differential::without_version;
use crate::walk::{Place, Walk, shown};

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds a resource against the rules of its type.
    pub(crate) fn resource_rules(&mut self, place: Place<'_, 'a>, type_name: &str) {
        match type_name {
            "Bundle" => return self.bundle(place),
            "Binary" | "Parameters" => return,
            "CapabilityStatement" => self.capability_statement(place),
            "CodeSystem" => self.code_system(place),
            "ConceptMap" => self.concept_map(place),
            "MeasureReport" => self.measure_report(place),
            "Observation" => self.vital_signs(place),
            "OperationDefinition" => self.operation_definition(place),
            "Questionnaire" => self.questionnaire(place),
            "QuestionnaireResponse" => self.questionnaire_response(place),
            "SearchParameter" => self.search_parameter(place),
            "StructureDefinition" => self.structure_definition(place),
            "ValueSet" => self.value_set(place),
            _ => {}
        }
        self.own_url(place, type_name);
        self.narrative_advice(place);
        if !self.options.skips_contained {
            self.contained_ids(place);
            self.contained_rules(place);
        }
    }

    /// The canonical url of a definition, by which others name it, is absolute.
    fn own_url(&mut self, place: Place<'_, 'a>, type_name: &str) {
        let Some(url) = place.node.str("url").filter(|url| !is_absolute(url)) else { return };
        if self.validator.is_canonical_type(type_name) {
            let step = place.path.child("url");
            self.error(Place { path: &step, ..place }, "value", || {
                format!("the url `{}`, by which others name this, must be absolute", shown(&url))
            });
        }
    }

    /// Says what is wrong with a profile itself, once for each fault.
    pub(crate) fn note_fault(&mut self, place: Place<'_, 'a>, fault: &str) {
        let rule = place.rule.unwrap_or_default();
        let text = format!("the profile `{rule}` is at fault: {fault}");
        if !self.not_checked.contains(&text) {
            self.not_checked.push(text.clone());
            // Who asks for a profile wants to know that it says less than it seems.
            let is_asked = self.options.profiles.iter().any(|url| without_version(url) == rule);
            let severity = if is_asked { Severity::Error } else { Severity::Warning };
            self.report(severity, place, "processing", || text);
        }
    }
}
