//! Patient: identity as the practice holds it. An NHS number that fails its check digit is kept as sent.

use fhir::{Issue, NhsNumber};
use serde_json::{Value, json};

use super::convert::Mapping;
use super::extension;
use super::field::{Notes, Object, objects, push, repeat, text};
use crate::system;

pub(super) const MAPPING: Mapping = Mapping {
    source: "Patient",
    target: "Patient",
    elements: &[
        "identifier",
        "active",
        "name",
        "telecom",
        "gender",
        "birthDate",
        "deceased[x]",
        "address",
        "maritalStatus",
        "multipleBirth[x]",
        "photo",
        "contact",
        "communication",
        "generalPractitioner",
        "managingOrganization",
        "link",
    ],
    required: &[],
    edit,
};

const INTERPRETER: &str = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired";
const PROFICIENCY: &str = "http://hl7.org/fhir/StructureDefinition/patient-proficiency";

fn edit(object: &mut Object, notes: &mut Notes) {
    nhs_number(object, notes);
    repeat(object, "generalPractitioner");
    while let Some(communication) = extension::take(object, "NHSCommunication") {
        nhs_communication(object, &communication);
    }
    contacts(object, notes);
}

fn nhs_number(object: &mut Object, notes: &mut Notes) {
    for identifier in objects(object, "identifier") {
        if text(identifier, "system") != Some(system::NHS_NUMBER) {
            continue;
        }
        match text(identifier, "value").map(NhsNumber::parse) {
            Some(Ok(number)) => {
                identifier.insert("value".to_owned(), json!(number.as_str()));
            }
            Some(Err(_)) => notes.issues.push(
                Issue::warning("value", "the NHS number is not valid; it is kept as sent and never links")
                    .at("identifier")
                    .detail("nhs-number-invalid"),
            ),
            None => {}
        }
    }
}

/// The GP Connect extension on languages is `communication` in R4, with two core extensions.
fn nhs_communication(object: &mut Object, source: &Object) {
    let part = |url: &str| extension::parts(source, url).next().and_then(extension::value).cloned();
    if let Some(needed) = part("interpreterRequired")
        && extension::take_url(object, INTERPRETER).is_none()
    {
        push(object, "extension", json!({ "url": INTERPRETER, "valueBoolean": needed }));
    }
    let Some(language) = part("language").map(language) else {
        return;
    };
    let mut communication = Object::new();
    let level = part("communicationProficiency").and_then(|level| level.pointer("/coding/0").cloned());
    let modes = extension::parts(source, "modeOfCommunication").filter_map(extension::value);
    let mut parts: Vec<Value> = modes
        .filter_map(|mode| mode.pointer("/coding/0"))
        .map(|mode| json!({ "url": "type", "valueCoding": mode }))
        .collect();
    parts.extend(level.map(|level| json!({ "url": "level", "valueCoding": level })));
    if !parts.is_empty() {
        let proficiency = json!([{ "url": PROFICIENCY, "extension": parts }]);
        communication.insert("extension".to_owned(), proficiency);
    }
    communication.insert("language".to_owned(), language);
    if let Some(preferred) = part("preferred") {
        communication.insert("preferred".to_owned(), preferred);
    }
    push(object, "communication", Value::Object(communication));
}

/// The national list has codes of its own for signed languages and Braille, which are not BCP 47.
fn language(mut language: Value) -> Value {
    let Some(coding) = language.pointer_mut("/coding/0").and_then(Value::as_object_mut) else {
        return language;
    };
    let code = match text(coding, "code") {
        Some("q2") => "ase",
        Some("q3") => "asf",
        Some("q4") => "bfi",
        Some(code) if !code.starts_with('q') || code.bytes().all(|byte| byte.is_ascii_alphabetic()) => return language,
        _ => {
            let words = text(coding, "display").unwrap_or("other").to_owned();
            return json!({ "text": words });
        }
    };
    coding.insert("code".to_owned(), json!(code));
    language
}

/// Invariant pat-1: a contact has a name, a telecom, an address or an organisation.
fn contacts(object: &mut Object, notes: &mut Notes) {
    let Some(Value::Array(contacts)) = object.get_mut("contact") else {
        return;
    };
    let count = contacts.len();
    contacts.retain(|contact| {
        ["name", "telecom", "address", "organization"].iter().any(|name| contact.get(name).is_some())
    });
    let (is_shorter, is_empty) = (contacts.len() < count, contacts.is_empty());
    if is_shorter {
        notes.dropped("contact", "R4 requires a name, a telecom, an address or an organization");
    }
    if is_empty {
        object.remove("contact");
    }
}
