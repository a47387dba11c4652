//! ReferralRequest. In R4 a ServiceRequest, told from other requests by its category.

use super::convert::Mapping;
use super::field::{Notes, Object, encounter, note, push, rename, repeat, requester, take_list};
use super::procedure_request::{SERVICE_REQUEST, status};
use crate::{codeable, system};

pub(super) const MAPPING: Mapping = Mapping {
    source: "ReferralRequest",
    target: "ServiceRequest",
    elements: SERVICE_REQUEST,
    required: &["status", "intent", "subject"],
    edit,
};

fn edit(object: &mut Object, notes: &mut Notes) {
    status(object);
    encounter(object, notes);
    requester(object, notes);
    push(object, "category", codeable(system::SNOMED, "3457005", "Patient referral"));
    if let Some(kind) = object.remove("type") {
        push(object, "category", kind);
    }
    // R4 has one code; further services refine it.
    let mut services = take_list(object, "serviceRequested").into_iter();
    if let Some(first) = services.next() {
        object.entry("code").or_insert(first);
    }
    for service in services {
        push(object, "orderDetail", service);
    }
    rename(object, "specialty", "performerType");
    rename(object, "recipient", "performer");
    for name in ["performer", "reasonCode", "note", "basedOn"] {
        repeat(object, name);
    }
    note(object, "description");
}
