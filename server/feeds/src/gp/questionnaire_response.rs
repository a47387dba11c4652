//! QuestionnaireResponse: in GP Connect the answers of an e-RS or uncategorised form.

use serde_json::{Value, json};

use super::convert::Mapping;
use super::field::{Notes, Object, encounter, objects, rename, take_list};

pub(super) const MAPPING: Mapping = Mapping {
    source: "QuestionnaireResponse",
    target: "QuestionnaireResponse",
    elements: &[
        "identifier",
        "basedOn",
        "partOf",
        "questionnaire",
        "status",
        "subject",
        "encounter",
        "authored",
        "author",
        "source",
        "item",
    ],
    required: &["status"],
    edit,
};

fn edit(object: &mut Object, notes: &mut Notes) {
    rename(object, "parent", "partOf");
    encounter(object, notes);
    // R4 has one identifier.
    if let Some(first) = take_list(object, "identifier").into_iter().next() {
        object.insert("identifier".to_owned(), first);
    }
    if let Some(Value::Object(questionnaire)) = object.get("questionnaire") {
        let reference = questionnaire.get("reference").and_then(Value::as_str).map(str::to_owned);
        match reference {
            Some(url) if url.contains(':') => object.insert("questionnaire".to_owned(), json!(url)),
            _ => {
                notes.dropped("questionnaire", "R4 names it by its canonical URL");
                object.remove("questionnaire")
            }
        };
    }
    items(object, notes);
}

fn items(object: &mut Object, notes: &mut Notes) {
    for item in objects(object, "item") {
        if item.remove("subject").is_some() {
            notes.dropped("item.subject", "R4 answers are about the subject of the whole");
        }
        items(item, notes);
        for answer in objects(item, "answer") {
            items(answer, notes);
        }
    }
}
