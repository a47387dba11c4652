//! ProcedureRequest: in GP Connect a diary entry. In R4 a ServiceRequest.

use serde_json::json;

use super::convert::Mapping;
use super::field::{Notes, Object, encounter, rename, repeat, requester};

/// The elements of ServiceRequest, which two STU3 types become.
pub(super) const SERVICE_REQUEST: &[&str] = &[
    "identifier",
    "instantiatesCanonical",
    "instantiatesUri",
    "basedOn",
    "replaces",
    "requisition",
    "status",
    "intent",
    "category",
    "priority",
    "doNotPerform",
    "code",
    "orderDetail",
    "quantity[x]",
    "subject",
    "encounter",
    "occurrence[x]",
    "asNeeded[x]",
    "authoredOn",
    "requester",
    "performerType",
    "performer",
    "locationCode",
    "locationReference",
    "reasonCode",
    "reasonReference",
    "insurance",
    "supportingInfo",
    "specimen",
    "bodySite",
    "note",
    "patientInstruction",
    "relevantHistory",
];

pub(super) const MAPPING: Mapping = Mapping {
    source: "ProcedureRequest",
    target: "ServiceRequest",
    elements: SERVICE_REQUEST,
    required: &["status", "intent", "subject"],
    edit,
};

fn edit(object: &mut Object, notes: &mut Notes) {
    status(object);
    encounter(object, notes);
    requester(object, notes);
    for name in ["category", "performer", "reasonCode", "note", "basedOn"] {
        repeat(object, name);
    }
}

/// R4 renamed two states of a request.
pub(super) fn status(object: &mut Object) {
    rename(object, "groupIdentifier", "requisition");
    let renamed = match object.get("status").and_then(|status| status.as_str()) {
        Some("suspended") => "on-hold",
        Some("cancelled") => "revoked",
        _ => return,
    };
    object.insert("status".to_owned(), json!(renamed));
}
