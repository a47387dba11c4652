//! Immunization.

use serde_json::{Map, Value, json};

use super::convert::Mapping;
use super::extension;
use super::field::{Notes, Object, objects, push, rename, take_list};

pub(super) const MAPPING: Mapping = Mapping {
    source: "Immunization",
    target: "Immunization",
    elements: &[
        "identifier",
        "status",
        "statusReason",
        "vaccineCode",
        "patient",
        "encounter",
        "occurrence[x]",
        "recorded",
        "primarySource",
        "reportOrigin",
        "location",
        "manufacturer",
        "lotNumber",
        "expirationDate",
        "site",
        "route",
        "doseQuantity",
        "performer",
        "note",
        "reasonCode",
        "reasonReference",
        "isSubpotent",
        "subpotentReason",
        "education",
        "programEligibility",
        "fundingSource",
        "reaction",
        "protocolApplied",
    ],
    required: &["status", "vaccineCode", "patient", "occurrence[x]"],
    edit,
};

fn edit(object: &mut Object, notes: &mut Notes) {
    if object.remove("notGiven") == Some(json!(true)) {
        object.insert("status".to_owned(), json!("not-done"));
    }
    rename(object, "date", "occurrenceDateTime");
    if !object.keys().any(|name| name.trim_start_matches('_').starts_with("occurrence")) {
        object.insert("occurrenceString".to_owned(), json!("not recorded"));
        notes.changed("occurrence", "R4 requires it and the record does not tell it");
    }
    if let Some(recorded) = extension::take(object, "DateRecorded")
        && let Some(date) = extension::value(&recorded)
    {
        object.entry("recorded").or_insert_with(|| date.clone());
    }
    rename(object, "practitioner", "performer");
    for performer in objects(object, "performer") {
        rename(performer, "role", "function");
    }
    if let Some(Value::Object(mut explanation)) = object.remove("explanation") {
        for reason in take_list(&mut explanation, "reason") {
            push(object, "reasonCode", reason);
        }
        for reason in take_list(&mut explanation, "reasonNotGiven").into_iter().take(1) {
            object.entry("statusReason").or_insert(reason);
        }
    }
    for protocol in take_list(object, "vaccinationProtocol") {
        if let Value::Object(protocol) = protocol {
            push(object, "protocolApplied", protocol_applied(protocol));
        }
    }
}

/// R4 requires the number of the dose, as a number or in words.
fn protocol_applied(mut protocol: Object) -> Value {
    let mut applied = Map::new();
    for (from, to) in [
        ("series", "series"),
        ("authority", "authority"),
        ("targetDisease", "targetDisease"),
        ("doseSequence", "doseNumberPositiveInt"),
        ("seriesDoses", "seriesDosesPositiveInt"),
    ] {
        if let Some(value) = protocol.remove(from) {
            applied.insert(to.to_owned(), value);
        }
    }
    if !applied.contains_key("doseNumberPositiveInt") {
        let words = protocol.remove("description").unwrap_or_else(|| json!("not recorded"));
        applied.insert("doseNumberString".to_owned(), words);
    }
    Value::Object(applied)
}
