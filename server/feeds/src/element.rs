//! JSON of the small datatypes that every mapping writes.

use serde_json::{Value, json};

use crate::{Label, system};

/// A Coding; an empty display or system is left out.
pub fn coding(system: &str, code: &str, display: &str) -> Value {
    let mut coding = serde_json::Map::new();
    if !system.is_empty() {
        coding.insert("system".to_owned(), json!(system));
    }
    coding.insert("code".to_owned(), json!(code));
    if !display.is_empty() {
        coding.insert("display".to_owned(), json!(display));
    }
    Value::Object(coding)
}

/// A CodeableConcept with one coding.
pub fn codeable(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [coding(system, code, display)] })
}

/// A CodeableConcept of text alone: what is not in a known code system is kept in words.
pub fn codeable_text(text: &str) -> Value {
    json!({ "text": text })
}

/// An Identifier.
pub fn identifier(system: &str, value: &str) -> Value {
    json!({ "system": system, "value": value })
}

/// An Extension whose value is one choice element, as `extension(url, "valueCodeableConcept", value)`.
pub fn extension(url: &str, choice: &str, value: Value) -> Value {
    json!({ "url": url, choice: value })
}

/// The canonical URL of a UK Core profile: `profile_url("Patient")`.
pub fn profile_url(name: &str) -> String {
    format!("https://fhir.hl7.org.uk/StructureDefinition/UKCore-{name}")
}

/// The canonical URL of a UK Core extension: `extension_url("EthnicCategory")`.
pub fn extension_url(name: &str) -> String {
    format!("https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-{name}")
}

/// A security label as a Coding of `meta.security`.
pub fn label(label: &Label) -> Value {
    let display = match (label.system.as_str(), label.code.as_str()) {
        (system::CONFIDENTIALITY, "R") => "restricted",
        (system::CONFIDENTIALITY, "V") => "very restricted",
        _ => "",
    };
    coding(&label.system, &label.code, display)
}
