//! Specimen.

use super::convert::Mapping;
use super::extension;
use super::field::{Notes, Object, objects, rename};

pub(super) const MAPPING: Mapping = Mapping {
    source: "Specimen",
    target: "Specimen",
    elements: &[
        "identifier",
        "accessionIdentifier",
        "status",
        "type",
        "subject",
        "receivedTime",
        "parent",
        "request",
        "collection",
        "processing",
        "container",
        "condition",
        "note",
    ],
    required: &[],
    edit,
};

fn edit(object: &mut Object, _: &mut Notes) {
    rename(object, "treatment", "processing");
    for collection in objects(object, "collection") {
        if let Some(fasting) = extension::take(collection, "FastingStatus")
            && let Some((choice, value)) = fasting.iter().find(|(name, _)| name.starts_with("value"))
        {
            let name = choice.replacen("value", "fastingStatus", 1);
            collection.entry(name).or_insert_with(|| value.clone());
        }
    }
}
