//! Which UK Core profile a converted resource claims: only one whose rules beyond base R4 it keeps.

use serde_json::{Value, json};

use super::field::Object;
use crate::{profile_url, system};

/// Types with a UK Core profile among those that this feed gives.
const PROFILED: &[&str] = &[
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "EpisodeOfCare",
    "HealthcareService",
    "Immunization",
    "List",
    "Location",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "QuestionnaireResponse",
    "RelatedPerson",
    "ServiceRequest",
    "Specimen",
];

/// Writes the claim into `meta.profile` where the resource keeps the profile.
pub(super) fn claim(object: &mut Object, type_name: &str) {
    if !PROFILED.contains(&type_name) || !keeps(object, type_name) {
        return;
    }
    let profile = json!([profile_url(type_name)]);
    match object.get_mut("meta") {
        Some(Value::Object(meta)) => {
            meta.insert("profile".to_owned(), profile);
        }
        _ => {
            let at = object.keys().position(|name| !matches!(name.as_str(), "resourceType" | "id"));
            object.shift_insert(at.unwrap_or(object.len()), "meta".to_owned(), json!({ "profile": profile }));
        }
    }
}

/// The rules of the profile that bite on GP data: cardinalities and invariants beyond base R4.
fn keeps(object: &Object, type_name: &str) -> bool {
    let identifiers = || object.get("identifier").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of_system = |system: &str| {
        let has_system = |item: &&Value| item.get("system").and_then(Value::as_str) == Some(system);
        identifiers().iter().filter(has_system).collect::<Vec<_>>()
    };
    let at_most_one = |system: &str| {
        let found = of_system(system);
        found.len() <= 1 && found.iter().all(|item| item.get("value").is_some())
    };
    match type_name {
        "AllergyIntolerance" | "Medication" => object.contains_key("code"),
        "MedicationRequest" => object.contains_key("substitution"),
        "MedicationStatement" => {
            identifiers().iter().all(|item| item.get("system").is_some() && item.get("value").is_some())
        }
        "Immunization" => {
            object.get("status").and_then(Value::as_str) != Some("not-done") || object.contains_key("statusReason")
        }
        "Patient" => at_most_one(system::NHS_NUMBER),
        "Organization" => at_most_one(system::ODS_ORGANISATION) && at_most_one(system::ODS_SITE),
        "Location" => at_most_one(system::ODS_SITE),
        _ => true,
    }
}
