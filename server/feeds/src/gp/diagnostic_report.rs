//! DiagnosticReport.

use serde_json::Value;

use super::convert::Mapping;
use super::field::{Notes, Object, encounter, push, rename, repeat, take_list};

pub(super) const MAPPING: Mapping = Mapping {
    source: "DiagnosticReport",
    target: "DiagnosticReport",
    elements: &[
        "identifier",
        "basedOn",
        "status",
        "category",
        "code",
        "subject",
        "encounter",
        "effective[x]",
        "issued",
        "performer",
        "resultsInterpreter",
        "specimen",
        "result",
        "imagingStudy",
        "media",
        "conclusion",
        "conclusionCode",
        "presentedForm",
    ],
    required: &["status", "code"],
    edit,
};

fn edit(object: &mut Object, notes: &mut Notes) {
    encounter(object, notes);
    repeat(object, "category");
    for performer in take_list(object, "performer") {
        let is_interpreter =
            performer.get("role").is_some_and(|role| role.to_string().to_lowercase().contains("interpret"));
        let name = if is_interpreter { "resultsInterpreter" } else { "performer" };
        match performer.get("actor") {
            Some(actor) => push(object, name, actor.clone()),
            None if performer.get("reference").is_some() => push(object, name, performer),
            None => {}
        }
    }
    rename(object, "image", "media");
    rename(object, "codedDiagnosis", "conclusionCode");
    if let Some(Value::Array(items)) = object.get_mut("media") {
        items.retain(|item| item.get("link").is_some());
    }
}
