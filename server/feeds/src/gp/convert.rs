//! One STU3 resource to R4: the datatypes, then the mapping of its type, then the R4 element list as a sieve.

use serde_json::{Value, json};

use super::field::{Notes, Object};
use super::{
    allergy_intolerance, condition, datatype, diagnostic_report, document_reference, encounter, episode_of_care,
    healthcare_service, immunization, list, location, medication, medication_request, medication_statement,
    observation, organization, patient, practitioner, practitioner_role, procedure, procedure_request, profile,
    questionnaire_response, referral_request, related_person, specimen,
};
use crate::MapError;

/// How one STU3 resource type becomes an R4 one.
pub(super) struct Mapping {
    /// The STU3 type.
    pub(super) source: &'static str,
    /// The R4 type.
    pub(super) target: &'static str,
    /// The R4 elements in their order; a choice ends in `[x]`. Whatever else is left is dropped with an issue.
    pub(super) elements: &'static [&'static str],
    /// The elements without which R4 refuses the resource.
    pub(super) required: &'static [&'static str],
    /// The edits of this type, after the datatypes were converted.
    pub(super) edit: fn(&mut Object, &mut Notes),
}

const MAPPINGS: &[&Mapping] = &[
    &allergy_intolerance::MAPPING,
    &condition::MAPPING,
    &diagnostic_report::MAPPING,
    &document_reference::MAPPING,
    &encounter::MAPPING,
    &episode_of_care::MAPPING,
    &healthcare_service::MAPPING,
    &immunization::MAPPING,
    &list::MAPPING,
    &location::MAPPING,
    &medication::MAPPING,
    &medication_request::MAPPING,
    &medication_statement::MAPPING,
    &observation::MAPPING,
    &organization::MAPPING,
    &patient::MAPPING,
    &practitioner::MAPPING,
    &practitioner_role::MAPPING,
    &procedure::MAPPING,
    &procedure_request::MAPPING,
    &questionnaire_response::MAPPING,
    &referral_request::MAPPING,
    &related_person::MAPPING,
    &specimen::MAPPING,
];

/// Elements that every resource may have.
const COMMON: &[&str] =
    &["resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"];

/// Converts a single STU3 resource; references stay as they came, and what could not be carried over is left out.
pub fn convert(resource: &Value) -> Result<Value, MapError> {
    converted(resource, &mut Notes::default()).map(|(value, _)| value)
}

/// Converts a single resource, noting what could not be carried over.
pub(super) fn converted(resource: &Value, notes: &mut Notes) -> Result<(Value, &'static Mapping), MapError> {
    let Value::Object(resource) = resource else {
        return Err(MapError::malformed("resource", "an object is expected"));
    };
    let Some(type_name) = resource.get("resourceType").and_then(Value::as_str) else {
        return Err(MapError::missing("resource", "`resourceType`"));
    };
    let Some(mapping) = MAPPINGS.iter().find(|mapping| mapping.source == type_name) else {
        return Err(MapError::unsupported("resourceType", known_name(type_name).unwrap_or("this resource type")));
    };
    let mut object = resource.clone();
    contained(&mut object, notes)?;
    datatype::convert(&mut object);
    object.insert("resourceType".to_owned(), json!(mapping.target));
    meta(&mut object);
    (mapping.edit)(&mut object, notes);
    let mut object = sieve(object, mapping, notes);
    if first_missing(&object, mapping).is_none() {
        profile::claim(&mut object, mapping.target);
    }
    Ok((Value::Object(object), mapping))
}

/// The first element that R4 requires and the resource does not have.
pub(super) fn first_missing(resource: &Object, mapping: &Mapping) -> Option<&'static str> {
    let has = |element: &str| match element.strip_suffix("[x]") {
        Some(stem) => resource.keys().any(|name| is_choice(name, stem)),
        None => resource.contains_key(element) || resource.contains_key(&format!("_{element}")),
    };
    mapping.required.iter().copied().find(|element| !has(element))
}

/// A name fit for a message: what is no name of FHIR could be anything and is not repeated.
pub(super) fn known_name(name: &str) -> Option<&str> {
    let is_name = name.len() <= 40 && name.trim_start_matches('_').bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then_some(name)
}

fn contained(object: &mut Object, notes: &mut Notes) -> Result<(), MapError> {
    let Some(Value::Array(items)) = object.get_mut("contained") else {
        return Ok(());
    };
    for item in items {
        let (mut inner, _) = converted(item, notes)?;
        // A contained resource is claimed for by the one that holds it.
        if let Some(inner) = inner.as_object_mut() {
            inner.remove("meta");
        }
        *item = inner;
    }
    Ok(())
}

/// Keeps labels and tags; the STU3 profiles and the sender's version are not the stored resource's.
fn meta(object: &mut Object) {
    if let Some(Value::Object(meta)) = object.get_mut("meta") {
        meta.retain(|name, _| matches!(name.as_str(), "security" | "tag" | "source" | "extension"));
        if meta.is_empty() {
            object.remove("meta");
        }
    }
}

fn is_choice(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|kind| kind.starts_with(|first: char| first.is_ascii_uppercase()))
}

/// Keeps the elements of the R4 type, in their order.
fn sieve(mut object: Object, mapping: &Mapping, notes: &mut Notes) -> Object {
    let mut kept = Object::new();
    for element in COMMON.iter().chain(mapping.elements) {
        let names: Vec<String> = match element.strip_suffix("[x]") {
            Some(stem) => object.keys().filter(|name| is_choice(name.trim_start_matches('_'), stem)).cloned().collect(),
            None => vec![(*element).to_owned(), format!("_{element}")],
        };
        for name in names {
            if let Some(value) = object.shift_remove(&name) {
                kept.insert(name, value);
            }
        }
    }
    for name in object.keys() {
        notes.dropped(known_name(name).unwrap_or("element"), "R4 has no such element");
    }
    kept
}
