//! Synthetic people and what is recorded of them. NHS numbers are of the range kept for tests.

use std::sync::atomic::{AtomicU32, Ordering};

use fhir::{NHS_NUMBER_SYSTEM, NhsNumber};
use serde_json::{Value, json};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A word that no other test of this process has.
pub fn unique(stem: &str) -> String {
    format!("{stem}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Somebody who does not exist.
#[derive(Debug, Clone)]
pub struct Person {
    /// A number of their own.
    pub nhs_number: String,
    /// A family name of their own.
    pub family: String,
    /// Given name.
    pub given: String,
    /// Birth date.
    pub birth_date: String,
}

impl Person {
    /// The next person.
    pub fn new() -> Person {
        let nhs_number = loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let candidates = (0..10).map(|check| format!("999{count:06}{check}"));
            // No check digit fits one in eleven.
            if let Some(number) = candidates.into_iter().find(|text| NhsNumber::parse(text).is_ok()) {
                break number;
            }
        };
        let family = format!("Testperson{}", letters(COUNT.fetch_add(1, Ordering::Relaxed)));
        Person { nhs_number, family, given: "Robin".to_owned(), birth_date: "1980-04-05".to_owned() }
    }

    /// The Patient resource.
    pub fn patient(&self) -> Value {
        json!({
            "resourceType": "Patient",
            "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": self.nhs_number}],
            "name": [{"use": "official", "family": self.family, "given": [self.given]}],
            "gender": "female",
            "birthDate": self.birth_date,
        })
    }
}

impl Default for Person {
    fn default() -> Person {
        Person::new()
    }
}

/// A number in letters, since a digit in a name looks like a mistake.
fn letters(mut number: u32) -> String {
    let mut text = String::new();
    loop {
        text.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
        if number == 0 {
            return text;
        }
    }
}

/// An Observation about a patient.
pub fn observation(patient: &str, code: &str, date: &str) -> Value {
    json!({
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": format!("Patient/{patient}")},
        "effectiveDateTime": date,
        "valueQuantity": {"value": 6.1, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    })
}

/// A confidentiality label.
pub fn label(code: &str) -> Value {
    json!({"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code})
}

/// A Consent of a patient that denies a purpose of v3-ActReason.
pub fn consent(patient: &str, denied_purpose: &str) -> Value {
    json!({
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": format!("Patient/{patient}")},
        "dateTime": "2026-01-01",
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]},
        "provision": {
            "type": "deny",
            "purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": denied_purpose}],
        },
    })
}
