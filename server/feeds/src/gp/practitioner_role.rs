//! PractitionerRole: as in R4.

use super::convert::Mapping;
use super::field::{Notes, Object, repeat};

pub(super) const MAPPING: Mapping = Mapping {
    source: "PractitionerRole",
    target: "PractitionerRole",
    elements: &[
        "identifier",
        "active",
        "period",
        "practitioner",
        "organization",
        "code",
        "specialty",
        "location",
        "healthcareService",
        "telecom",
        "availableTime",
        "notAvailable",
        "availabilityExceptions",
        "endpoint",
    ],
    required: &[],
    edit,
};

fn edit(object: &mut Object, _: &mut Notes) {
    repeat(object, "code");
    repeat(object, "specialty");
}
