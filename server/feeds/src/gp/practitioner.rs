//! Practitioner.

use super::convert::Mapping;
use super::extension;
use super::field::{Notes, Object, push};

pub(super) const MAPPING: Mapping = Mapping {
    source: "Practitioner",
    target: "Practitioner",
    elements: &[
        "identifier",
        "active",
        "name",
        "telecom",
        "address",
        "gender",
        "birthDate",
        "photo",
        "qualification",
        "communication",
    ],
    required: &[],
    edit,
};

fn edit(object: &mut Object, _: &mut Notes) {
    while let Some(source) = extension::take(object, "NHSCommunication") {
        if let Some(language) = extension::parts(&source, "language").next().and_then(extension::value) {
            push(object, "communication", language.clone());
        }
    }
}
