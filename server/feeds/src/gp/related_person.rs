//! RelatedPerson.

use super::convert::Mapping;
use super::extension;
use super::field::{Notes, Object, push, repeat};
use serde_json::json;

pub(super) const MAPPING: Mapping = Mapping {
    source: "RelatedPerson",
    target: "RelatedPerson",
    elements: &[
        "identifier",
        "active",
        "patient",
        "relationship",
        "name",
        "telecom",
        "gender",
        "birthDate",
        "address",
        "photo",
        "period",
        "communication",
    ],
    required: &["patient"],
    edit,
};

fn edit(object: &mut Object, _: &mut Notes) {
    repeat(object, "relationship");
    while let Some(source) = extension::take(object, "NHSCommunication") {
        if let Some(language) = extension::parts(&source, "language").next().and_then(extension::value) {
            push(object, "communication", json!({ "language": language }));
        }
    }
}
