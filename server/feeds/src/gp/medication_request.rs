//! MedicationRequest: the authorisation (intent plan) and each issue (intent order, based on the plan).

use serde_json::{Value, json};

use super::convert::Mapping;
use super::extension;
use super::field::{Notes, Object, dosages, encounter, rename, repeat, requester};
use crate::{codeable, system};

pub(super) const MAPPING: Mapping = Mapping {
    source: "MedicationRequest",
    target: "MedicationRequest",
    elements: &[
        "identifier",
        "status",
        "statusReason",
        "intent",
        "category",
        "priority",
        "doNotPerform",
        "reported[x]",
        "medication[x]",
        "subject",
        "encounter",
        "supportingInformation",
        "authoredOn",
        "requester",
        "performer",
        "performerType",
        "recorder",
        "reasonCode",
        "reasonReference",
        "instantiatesCanonical",
        "instantiatesUri",
        "basedOn",
        "groupIdentifier",
        "courseOfTherapyType",
        "insurance",
        "note",
        "dosageInstruction",
        "dispenseRequest",
        "substitution",
        "priorPrescription",
        "detectedIssue",
        "eventHistory",
    ],
    required: &["status", "intent", "medication[x]", "subject"],
    edit,
};

const COURSE_OF_THERAPY: &str = "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy";
const PRESCRIPTION_TYPE: &str = "PrescriptionType";

fn edit(object: &mut Object, notes: &mut Notes) {
    encounter(object, notes);
    requester(object, notes);
    for name in ["category", "basedOn", "note"] {
        repeat(object, name);
    }
    dosages(object, "dosageInstruction");
    status_reason(object);
    repeat_information(object);
    course_of_therapy(object);
    substitution(object);
}

/// The reason takes its R4 element; the date of the change has none and stays in the extension.
fn status_reason(object: &mut Object) {
    let Some(mut extension) = extension::take(object, "MedicationStatusReason") else {
        return;
    };
    let reason = extension::parts(&extension, "statusReason").next().and_then(extension::value).cloned();
    if let Some(reason) = reason {
        object.entry("statusReason").or_insert(reason);
        if let Some(Value::Array(parts)) = extension.get_mut("extension") {
            parts.retain(|part| part.get("url") != Some(&json!("statusReason")));
        }
    }
    let has_more = extension.get("extension").and_then(Value::as_array).is_some_and(|parts| !parts.is_empty());
    if has_more {
        super::field::push(object, "extension", Value::Object(extension));
    }
}

/// Repeats allowed have an R4 element; repeats issued and the expiry a UK Core extension.
fn repeat_information(object: &mut Object) {
    let Some(extension) = extension::take(object, "MedicationRepeatInformation") else {
        return;
    };
    let part = |url: &str| extension::parts(&extension, url).next().and_then(extension::value).cloned();
    if let Some(allowed) = part("numberOfRepeatPrescriptionsAllowed") {
        let dispense = object.entry("dispenseRequest").or_insert_with(|| json!({}));
        if let Value::Object(dispense) = dispense {
            dispense.entry("numberOfRepeatsAllowed").or_insert(allowed);
        }
    }
    let mut parts = Vec::new();
    if let Some(issued) = part("numberOfRepeatPrescriptionsIssued").or_else(|| part("numberOfPrescriptionsIssued")) {
        parts.push(json!({ "url": "numberOfPrescriptionsIssued", "valueUnsignedInt": issued }));
    }
    if let Some(expiry) = part("authorisationExpiryDate") {
        parts.push(json!({ "url": "authorisationExpiryDate", "valueDateTime": expiry }));
    }
    if !parts.is_empty() {
        let url = extension::uk_core("MedicationRepeatInformation");
        super::field::push(object, "extension", json!({ "url": url, "extension": parts }));
    }
}

/// Acute, repeat and repeat dispensing have R4 codes; another type keeps the code that it came with.
fn course_of_therapy(object: &mut Object) {
    let Some(extension) = extension::take(object, PRESCRIPTION_TYPE) else {
        return;
    };
    let Some(kind) = extension::value(&extension) else {
        return;
    };
    let course = match kind.pointer("/coding/0/code").and_then(Value::as_str) {
        Some("acute") => codeable(COURSE_OF_THERAPY, "acute", "Short course (acute) therapy"),
        Some("repeat") => codeable(COURSE_OF_THERAPY, "continuous", "Continuous long term therapy"),
        Some("repeat-dispensing") => codeable(
            &system::uk_core("MedicationRequestCourseOfTherapy"),
            "continuous-repeating-dispensing",
            "Continuous long term (repeat dispensing)",
        ),
        _ => kind.clone(),
    };
    object.entry("courseOfTherapyType").or_insert(course);
}

/// UK Core requires `substitution`, and GP records do not speak of it: a GP prescription is dispensed as written.
fn substitution(object: &mut Object) {
    if let Some(Value::Object(substitution)) = object.get_mut("substitution") {
        rename(substitution, "allowed", "allowedBoolean");
    }
    object.entry("substitution").or_insert_with(|| json!({ "allowedBoolean": false }));
}
