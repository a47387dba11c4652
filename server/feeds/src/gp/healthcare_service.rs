//! HealthcareService.

use serde_json::{Value, json};

use super::convert::Mapping;
use super::field::{Notes, Object, push, repeat, take_list};

pub(super) const MAPPING: Mapping = Mapping {
    source: "HealthcareService",
    target: "HealthcareService",
    elements: &[
        "identifier",
        "active",
        "providedBy",
        "category",
        "type",
        "specialty",
        "location",
        "name",
        "comment",
        "extraDetails",
        "photo",
        "telecom",
        "coverageArea",
        "serviceProvisionCode",
        "eligibility",
        "program",
        "characteristic",
        "communication",
        "referralMethod",
        "appointmentRequired",
        "availableTime",
        "notAvailable",
        "availabilityExceptions",
        "endpoint",
    ],
    required: &[],
    edit,
};

fn edit(object: &mut Object, _: &mut Notes) {
    repeat(object, "category");
    for program in take_list(object, "programName") {
        push(object, "program", json!({ "text": program }));
    }
    let code = object.remove("eligibility");
    let comment = object.remove("eligibilityNote");
    if code.is_some() || comment.is_some() {
        let mut eligibility = Object::new();
        eligibility.extend(code.map(|code| ("code".to_owned(), code)));
        eligibility.extend(comment.map(|comment| ("comment".to_owned(), comment)));
        push(object, "eligibility", Value::Object(eligibility));
    }
}
