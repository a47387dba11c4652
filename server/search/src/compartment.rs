//! Compartments: which patients a resource is about, and a compartment as a condition of a search.
//! <https://hl7.org/fhir/R4/compartmentdefinition.html>

use fhir::{Json, NHS_NUMBER_SYSTEM, Reference};
use fhirpath::{Context, Element, Host, Resolved};

use crate::param::Kind;
use crate::query::{Condition, Filter, FilterParam, FilterValue, Modifier};
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

/// What a resource of that type meets that is in the compartment of that type and id (`Patient`, `Encounter`, `Practitioner`,
/// `RelatedPerson`, `Device`): one of the linking parameters refers there, or it is the resource itself. `None` when resources of the type
/// are in no such compartment.
pub fn compartment_condition(compartment: &str, id: &str, type_name: &str, registry: &Registry) -> Option<Condition> {
    let filter = |param, value| Condition::Filter(Filter { param, modifier: Modifier::None, values: vec![value] });
    let is_known = registry.definitions().compartments().iter().any(|known| known.code == compartment);
    if type_name == compartment && is_known {
        return Some(filter(FilterParam::Id, FilterValue::Id(id.to_owned())));
    }
    let codes = registry.definitions().compartment_params(compartment, type_name);
    let params = codes.iter().filter_map(|code| registry.param(type_name, code));
    let links: Vec<Condition> = params
        .filter(|param| param.kind == Kind::Reference)
        .map(|param| {
            let (type_name, id) = (Some(compartment.to_owned()), id.to_owned());
            filter(FilterParam::Param(param.id, param.kind), FilterValue::Reference { type_name, id, url: None })
        })
        .collect();
    (!links.is_empty()).then_some(Condition::Any(links))
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
