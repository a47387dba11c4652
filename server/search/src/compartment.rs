//! Which patients a resource is about. <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>

use fhir::{Json, NHS_NUMBER_SYSTEM, Reference};
use fhirpath::{Context, Element, Host, Resolved};

use crate::registry::Registry;

/// Stands for a patient whom a resource names in a way that leads to no record, so that the resource is not taken for one
/// about nobody.
pub const UNRESOLVED_PATIENT: &str = "urn:weir:unresolved-patient";

/// The patients in whose compartment the resource is, sorted: `Patient/x`, or the text of an absolute, urn or other
/// reference whose target may be a patient, or [`UNRESOLVED_PATIENT`]. A Patient is in its own compartment and no other.
pub fn patients_of(resource: &Json, registry: &Registry) -> Vec<String> {
    let Some(type_name) = resource.resource_type() else { return Vec::new() };
    if type_name == "Patient" {
        return resource.root().str("id").map(|id| format!("Patient/{id}")).into_iter().collect();
    }
    let Some(of_type) = registry.of_type(type_name) else { return Vec::new() };
    if of_type.patient_links.is_empty() {
        return named_people(resource);
    }
    let host = Cautious { registry };
    let mut context = Context::new(resource.root(), registry.definitions(), &host);
    // These expressions only walk the document, and giving up half-way would hide a patient.
    context.steps_max = u64::MAX;
    let Some(focus) = context.resource.clone() else { return Vec::new() };
    let mut patients = Vec::new();
    for expression in &of_type.patient_links {
        match expression.evaluate(&focus, &context) {
            Ok(found) => patients.extend(found.iter().filter_map(|value| value.element()).filter_map(patient)),
            Err(_) => patients.push(UNRESOLVED_PATIENT.to_owned()),
        }
    }
    patients.sort_unstable();
    patients.dedup();
    patients
}

/// The patients of a resource whose type the compartment leaves out (Task, Device, Group and the like): whom it refers to, and, for a
/// record inside it, that nobody can say whose that is. Left out, it would be taken for one about nobody.
fn named_people(resource: &Json) -> Vec<String> {
    let references = fhir::resource::references(resource).into_iter().filter_map(|node| node.as_str());
    let mut named: Vec<String> = references
        .filter_map(|text| match Reference::parse(&text) {
            Reference::Relative { type_name, id, .. } if type_name == "Patient" => Some(format!("Patient/{id}")),
            Reference::Absolute { type_name, .. } | Reference::Conditional { type_name, .. }
                if type_name == "Patient" =>
            {
                Some(text.into_owned())
            }
            _ => None,
        })
        .collect();
    let contained = resource.root().get("contained").into_iter().flat_map(|list| list.items());
    let is_person = |one: &fhir::Node<'_>| {
        one.str("resourceType").is_some_and(|name| matches!(name.as_ref(), "Patient" | "Person" | "RelatedPerson"))
    };
    if contained.filter(is_person).count() > 0 {
        named.push(UNRESOLVED_PATIENT.to_owned());
    }
    named.sort_unstable();
    named.dedup();
    named
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

fn patient(element: &Element<'_>) -> Option<String> {
    let Some(text) = element.text("reference") else {
        // Only a patient has an NHS number, wherever it is written.
        let system = element.node?.at(&["identifier", "system"])?.as_str()?;
        return (system == NHS_NUMBER_SYSTEM).then(|| UNRESOLVED_PATIENT.to_owned());
    };
    match Reference::parse(&text) {
        Reference::Relative { type_name, id, .. } => (type_name == "Patient").then(|| format!("Patient/{id}")),
        Reference::Absolute { base, type_name, id, .. } => {
            (type_name == "Patient").then(|| format!("{base}/Patient/{id}"))
        }
        Reference::Conditional { type_name, .. } => (type_name == "Patient").then(|| text.into_owned()),
        Reference::Fragment(_) => None,
        Reference::Urn(_) | Reference::Other(_) => (!text.is_empty()).then(|| text.into_owned()),
    }
}
