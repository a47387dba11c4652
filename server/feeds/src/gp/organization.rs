//! Organization.

use super::convert::Mapping;
use super::extension;
use super::field::{Notes, Object, push, repeat};
use serde_json::json;

pub(super) const MAPPING: Mapping = Mapping {
    source: "Organization",
    target: "Organization",
    elements: &["identifier", "active", "type", "name", "alias", "telecom", "address", "partOf", "contact", "endpoint"],
    required: &[],
    edit,
};

const PERIOD: &str = "http://hl7.org/fhir/StructureDefinition/organization-period";

fn edit(object: &mut Object, _: &mut Notes) {
    repeat(object, "type");
    if let Some(period) = extension::take(object, "Period")
        && let Some(value) = period.get("valuePeriod")
    {
        push(object, "extension", json!({ "url": PERIOD, "valuePeriod": value }));
    }
}
