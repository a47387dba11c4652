//! Which patients a resource is about. <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>

use fhir::{Json, Reference};
use fhirpath::{Context, Host, Resolved};

use crate::registry::Registry;

/// The patients in whose compartment the resource is, sorted: `Patient/x`, or the text of an absolute, urn or other
/// reference whose target may be a patient. A Patient is in its own compartment and no other.
pub fn patients_of(resource: &Json, registry: &Registry) -> Vec<String> {
    let Some(type_name) = resource.resource_type() else { return Vec::new() };
    if type_name == "Patient" {
        return resource.root().str("id").map(|id| format!("Patient/{id}")).into_iter().collect();
    }
    let Some(of_type) = registry.of_type(type_name) else { return Vec::new() };
    let host = Cautious { registry };
    let context = Context::new(resource.root(), registry.definitions(), &host);
    let Some(focus) = context.resource.clone() else { return Vec::new() };
    let mut patients = Vec::new();
    for expression in &of_type.patient_links {
        let found = expression.evaluate(&focus, &context).unwrap_or_default();
        let elements = found.iter().filter_map(fhirpath::Value::element);
        let texts = elements.filter_map(|element| element.text("reference"));
        patients.extend(texts.filter_map(|text| patient(&text)));
    }
    patients.sort_unstable();
    patients.dedup();
    patients
}

/// Takes a reference whose text does not tell a type for one to a patient: leaving it out would release the resource.
struct Cautious<'r> {
    registry: &'r Registry,
}

impl Host for Cautious<'_> {
    fn resolve(&self, reference: &str) -> Resolved<'_> {
        match Reference::parse(reference).type_name() {
            Some(_) => Resolved::Unknown,
            None => Resolved::Found(self.registry.unknown_patient.root()),
        }
    }
}

fn patient(text: &str) -> Option<String> {
    match Reference::parse(text) {
        Reference::Relative { type_name, id, .. } => (type_name == "Patient").then(|| format!("Patient/{id}")),
        Reference::Absolute { base, type_name, id, .. } => {
            (type_name == "Patient").then(|| format!("{base}/Patient/{id}"))
        }
        Reference::Conditional { type_name, .. } => (type_name == "Patient").then(|| text.to_owned()),
        Reference::Fragment(_) => None,
        Reference::Urn(_) | Reference::Other(_) => (!text.is_empty()).then(|| text.to_owned()),
    }
}
