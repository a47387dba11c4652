//! MedicationStatement.

use serde_json::{Value, json};

use super::convert::Mapping;
use super::field::{Notes, Object, dosages, rename, repeat};

pub(super) const MAPPING: Mapping = Mapping {
    source: "MedicationStatement",
    target: "MedicationStatement",
    elements: &[
        "identifier",
        "basedOn",
        "partOf",
        "status",
        "statusReason",
        "category",
        "medication[x]",
        "subject",
        "context",
        "effective[x]",
        "dateAsserted",
        "informationSource",
        "derivedFrom",
        "reasonCode",
        "reasonReference",
        "note",
        "dosage",
    ],
    required: &["status", "medication[x]", "subject"],
    edit,
};

fn edit(object: &mut Object, _: &mut Notes) {
    // R4 says "not taken" in the status; the other answers have no place and no consequence.
    if let Some(Value::String(taken)) = object.remove("taken")
        && taken == "n"
        && object.get("status") != Some(&json!("entered-in-error"))
    {
        object.insert("status".to_owned(), json!("not-taken"));
    }
    rename(object, "reasonNotTaken", "statusReason");
    for name in ["basedOn", "note", "statusReason"] {
        repeat(object, name);
    }
    dosages(object, "dosage");
}
