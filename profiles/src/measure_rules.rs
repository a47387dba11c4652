//! A MeasureReport held against its Measure: <https://hl7.org/fhir/R4/measurereport.html>.

use fhir::{Node, Severity};

use crate::questionnaire_response::list;
use crate::walk::{Place, Walk, shown};

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Finds the Measure and holds the groups of the report against its own.
    pub(crate) fn measure_report(&mut self, place: Place<'_, 'a>) {
        let Some(url) = place.node.str("measure") else { return };
        let Some(measure) = self.around.entry(&url).or_else(|| self.validator.resource(&url)) else {
            return self.report(Severity::Warning, place, "not-found", || {
                format!("the measure `{}` is not known here, so the report was not held against it", shown(&url))
            });
        };
        let asked: Vec<Node<'v>> = list(measure, "group").collect();
        let scoring = list_codes(measure.get("scoring"));
        for (index, group) in list(place.node, "group").enumerate() {
            let step = place.path.child("group").at(index);
            let place = Place { node: group, path: &step, rule: place.rule };
            let code = list_codes(group.get("code"));
            let own = asked.iter().find(|one| code.is_some() && list_codes(one.get("code")) == code);
            let own = own.or(if asked.len() == 1 { asked.first() } else { None });
            let Some(own) = own else {
                self.error(place, "business-rule", || "the group is none of those of the measure".to_owned());
                continue;
            };
            self.score(place, scoring.as_deref());
            self.populations(place, *own);
        }
    }

    fn score(&mut self, place: Place<'_, 'a>, scoring: Option<&str>) {
        let has_score = place.node.get("measureScore").is_some();
        match scoring {
            Some("cohort") if has_score => {
                self.error(place, "business-rule", || "a measure of the scoring `cohort` has no score".to_owned());
            }
            Some(scoring @ ("proportion" | "ratio" | "continuous-variable")) if !has_score => {
                self.error(place, "business-rule", || format!("a measure of the scoring `{scoring}` has a score"));
            }
            _ => {}
        }
    }

    fn populations(&mut self, place: Place<'_, 'a>, asked: Node<'v>) {
        let wanted: Vec<_> = list(asked, "population").filter_map(|one| list_codes(one.get("code"))).collect();
        for (index, population) in list(place.node, "population").enumerate() {
            let Some(code) = list_codes(population.get("code")) else { continue };
            if !wanted.contains(&code) {
                let step = place.path.child("population").at(index);
                let place = Place { node: population, path: &step, rule: place.rule };
                self.error(place, "business-rule", || {
                    format!("the population `{}` is none of those of the measure's group", shown(&code))
                });
            }
        }
    }
}

/// Gives the first code of a CodeableConcept.
fn list_codes(concept: Option<Node<'_>>) -> Option<String> {
    list(concept?, "coding").next()?.str("code").map(|code| code.into_owned())
}
