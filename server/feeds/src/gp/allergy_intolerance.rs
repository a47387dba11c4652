//! AllergyIntolerance.

use serde_json::{Value, json};

use super::convert::Mapping;
use super::extension;
use super::field::{Notes, Object, concept, rename, repeat};
use crate::system;

pub(super) const MAPPING: Mapping = Mapping {
    source: "AllergyIntolerance",
    target: "AllergyIntolerance",
    elements: &[
        "identifier",
        "clinicalStatus",
        "verificationStatus",
        "type",
        "category",
        "criticality",
        "code",
        "patient",
        "encounter",
        "onset[x]",
        "recordedDate",
        "recorder",
        "asserter",
        "lastOccurrence",
        "note",
        "reaction",
    ],
    required: &["patient"],
    edit,
};

const ENCOUNTER: &str = "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter";

fn edit(object: &mut Object, notes: &mut Notes) {
    concept(object, "clinicalStatus", system::ALLERGY_CLINICAL, &["active", "inactive", "resolved"], notes);
    let verification = ["unconfirmed", "confirmed", "refuted", "entered-in-error"];
    concept(object, "verificationStatus", system::ALLERGY_VERIFICATION, &verification, notes);
    // Invariant ait-2: an allergy entered in error has no clinical status.
    if object.get("verificationStatus").and_then(|status| status.pointer("/coding/0/code"))
        == Some(&json!("entered-in-error"))
    {
        object.remove("clinicalStatus");
    }
    rename(object, "assertedDate", "recordedDate");
    repeat(object, "category");
    repeat(object, "note");
    if let Some(encounter) = extension::take_url(object, ENCOUNTER)
        && let Some(reference) = extension::value(&encounter)
    {
        object.entry("encounter").or_insert_with(|| reference.clone());
    }
    ended(object);
}

/// UK Core says when and why an allergy ended beside the clinical status; GP Connect beside the allergy.
fn ended(object: &mut Object) {
    let Some(Value::Object(status)) = object.get("clinicalStatus") else {
        return;
    };
    let mut status = status.clone();
    if let Some(end) = extension::take(object, "AllergyIntoleranceEnd") {
        status.insert("extension".to_owned(), json!([end]));
        object.insert("clinicalStatus".to_owned(), Value::Object(status));
    }
}
