//! How fast the validator is and what it weighs: `cargo run --release -p profiles --example validate_speed`, or `cargo xtask bench validate`.
//!
//! One thread, warm, each text parsed and held against base R4 and UK Core, as a write is.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a tool for the developer that may stop on any fault")]

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use definitions::Definitions;
use profiles::{Options, Validator, parse_text, with_uk_core};
use serde_json::{Value, json};

const UK: &str = "https://fhir.hl7.org.uk/StructureDefinition/";
const ROW: Duration = Duration::from_secs(2);

fn main() {
    let before = memory_kib();
    let start = Instant::now();
    let base = Definitions::r4().expect("the definitions load");
    let validator = Validator::new(Arc::new(with_uk_core(&base).expect("UK Core loads")));
    say(&format!("definitions ready: {} ms", start.elapsed().as_millis()));
    for (name, resource) in
        [("Patient", patient()), ("blood pressure", blood_pressure(1)), ("MedicationRequest", medication(1))]
    {
        let text = resource.to_string();
        errors(&validator, &text, name);
        let started = Instant::now();
        let mut count = 0_u32;
        while started.elapsed() < ROW {
            errors(&validator, &text, name);
            count += 1;
        }
        let each = started.elapsed() / count;
        say(&format!(
            "{name}: {} a second, {} us each, {} bytes",
            1_000_000_000 / each.as_nanos().max(1),
            each.as_micros(),
            text.len()
        ));
    }
    let text = bundle().to_string();
    errors(&validator, &text, "bundle");
    let started = Instant::now();
    for _ in 0..10 {
        errors(&validator, &text, "bundle");
    }
    say(&format!("1,000-entry bundle: {} ms, {} bytes", (started.elapsed() / 10).as_millis(), text.len()));
    say(&format!("memory of definitions and what was compiled: {} MiB", (memory_kib() - before) / 1024));
}

fn errors(validator: &Validator, text: &str, name: &str) {
    let resource = parse_text(text.as_bytes()).expect("it is JSON");
    let issues = validator.issues(&resource, &Options::uk_core());
    let errors: Vec<_> = issues.iter().filter(|issue| issue.is_error()).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("the output takes it");
}

/// Resident memory, as Linux counts it.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn patient() -> Value {
    let status = json!({"url": format!("{UK}Extension-UKCore-NHSNumberVerificationStatus"), "valueCodeableConcept": {"coding":
        [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland", "code": "01"}]}});
    let ethnic = json!({"url": format!("{UK}Extension-UKCore-EthnicCategory"), "valueCodeableConcept": {"coding":
        [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland", "code": "A"}]}});
    json!({"resourceType": "Patient", "id": "p1", "meta": {"profile": [format!("{UK}UKCore-Patient")]},
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>A synthetic person</p></div>"},
        "extension": [ethnic],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018", "extension": [status]},
            {"system": "https://example.org/mrn", "value": "A1"}],
        "active": true, "name": [{"use": "official", "family": "Example", "given": ["Ann", "Mary"], "prefix": ["Ms"]}],
        "telecom": [{"system": "phone", "value": "01632 960000", "use": "home"}, {"system": "email", "value": "ann@example.org"}],
        "gender": "female", "birthDate": "1980-02-29",
        "address": [{"use": "home", "line": ["1 High Street"], "city": "Leeds", "postalCode": "LS1 1AA", "period": {"start": "2010-01-01"}}],
        "contact": [{"name": {"family": "Other"}, "telecom": [{"system": "phone", "value": "01632 960001"}]}],
        "managingOrganization": {"reference": "Organization/o1"}})
}

fn blood_pressure(number: usize) -> Value {
    let coding = |loinc: &str, sct: &str| json!([{"system": "http://loinc.org", "code": loinc}, {"system": "http://snomed.info/sct", "code": sct}]);
    let component = |loinc: &str, sct: &str, text: &str, value: u32| {
        json!({"code": {"coding": [{"system": "http://loinc.org", "code": loinc, "display": text},
            {"system": "http://snomed.info/sct", "code": sct}], "text": text},
            "valueQuantity": {"value": value, "unit": "millimeter of mercury", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}})
    };
    json!({"resourceType": "Observation", "id": format!("o{number}"), "status": "final",
        "meta": {"profile": [format!("{UK}UKCore-Observation-VitalSigns-BloodPressure")]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": coding("85354-9", "75367002")}, "subject": {"reference": "Patient/p1"},
        "performer": [{"reference": "Practitioner/1"}], "effectiveDateTime": "2024-01-01T10:00:00Z",
        "component": [component("8480-6", "72313002", "Systolic blood pressure", 120),
            component("8462-4", "271650006", "Diastolic blood pressure", 80)]})
}

fn medication(number: usize) -> Value {
    json!({"resourceType": "MedicationRequest", "id": format!("m{number}"), "meta": {"profile": [format!("{UK}UKCore-MedicationRequest")]},
        "identifier": [{"system": "https://example.org/script", "value": number.to_string()}], "status": "active", "intent": "order",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "code": "outpatient"}]}],
        "medicationCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "322236009"}], "text": "Paracetamol 500mg tablets"},
        "subject": {"reference": "Patient/p1"}, "authoredOn": "2024-01-01T10:00:00Z", "requester": {"reference": "Practitioner/1"},
        "dosageInstruction": [{"text": "one or two up to four times a day", "timing": {"repeat": {"frequency": 4, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet", "system": "http://unitsofmeasure.org", "code": "1"}}]}],
        "dispenseRequest": {"validityPeriod": {"start": "2024-01-01", "end": "2024-02-01"}, "quantity": {"value": 32, "unit": "tablet"}},
        "substitution": {"allowedBoolean": false}})
}

/// The record of one patient, as a practice sends it.
fn bundle() -> Value {
    let entries = (0..1000).map(|number| {
        let resource = match number {
            0 => patient(),
            _ if number % 2 == 0 => blood_pressure(number),
            _ => medication(number),
        };
        let name = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap_or_default(),
            resource["id"].as_str().unwrap_or_default()
        );
        json!({"fullUrl": format!("https://example.org/fhir/{name}"), "resource": resource})
    });
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries.collect::<Vec<Value>>()})
}
