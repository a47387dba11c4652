//! Location.

use super::convert::Mapping;
use super::field::{Notes, Object, repeat};

pub(super) const MAPPING: Mapping = Mapping {
    source: "Location",
    target: "Location",
    elements: &[
        "identifier",
        "status",
        "operationalStatus",
        "name",
        "alias",
        "description",
        "mode",
        "type",
        "telecom",
        "address",
        "physicalType",
        "position",
        "managingOrganization",
        "partOf",
        "hoursOfOperation",
        "availabilityExceptions",
        "endpoint",
    ],
    required: &[],
    edit,
};

fn edit(object: &mut Object, _: &mut Notes) {
    repeat(object, "type");
}
