//! Medication. dm+d codes travel in the SNOMED CT system and stay there.

use super::convert::Mapping;
use super::field::{Notes, Object, objects, rename};

pub(super) const MAPPING: Mapping = Mapping {
    source: "Medication",
    target: "Medication",
    elements: &["identifier", "code", "status", "manufacturer", "form", "amount", "ingredient", "batch"],
    required: &[],
    edit,
};

fn edit(object: &mut Object, _: &mut Notes) {
    for ingredient in objects(object, "ingredient") {
        rename(ingredient, "amount", "strength");
    }
    let batch =
        object.remove("package").and_then(|package| package.get("batch").and_then(|batch| batch.get(0)).cloned());
    if let Some(batch) = batch {
        object.entry("batch").or_insert(batch);
    }
}
