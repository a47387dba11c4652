//! Prints how long indexing takes: `cargo run --release -p search --example index_speed [FOLDER]`.
//!
//! Without a folder, of an Observation and a Patient of about 1 kB; with one, of each `.json` file in it, the slowest first.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a tool for the console that stops at the first fault"
)]

use std::time::{Duration, Instant};

use definitions::Definitions;
use fhir::Json;
use search::{Registry, index};
use serde_json::json;

fn main() {
    let begun = Instant::now();
    let definitions = Definitions::r4().expect("the table is built in");
    let table = begun.elapsed();
    let registry = Registry::new(&definitions);
    println!("definitions {table:?}, registry {:?}", begun.elapsed() - table);
    match std::env::args().nth(1) {
        Some(folder) => files(&folder, &registry),
        None => [observation(), patient()].iter().for_each(|one| measure(one, &registry)),
    }
}

fn measure(value: &serde_json::Value, registry: &Registry) {
    let json = Json::from_value(value);
    let type_name = json.resource_type().unwrap_or_default();
    let entries = index(&json, registry).len();
    let indexed = least(|| drop(index(&json, registry)));
    let words = least(|| drop(search::full_text(&json, registry)));
    println!("{type_name} of {} bytes: {entries} entries in {indexed:?}, words in {words:?}", value.to_string().len());
}

/// The time of one call in the quickest of many batches: what else runs on the machine is left out.
fn least(call: impl Fn()) -> Duration {
    const BATCH: u32 = 100;
    let batch = |_| {
        let begun = Instant::now();
        (0..BATCH).for_each(|_| call());
        begun.elapsed() / BATCH
    };
    (0..300).map(batch).min().unwrap_or_default()
}

fn files(folder: &str, registry: &Registry) {
    let mut seen = Vec::new();
    let begun = Instant::now();
    for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        let Ok(bytes) = std::fs::read(entry.path()) else { continue };
        let Ok(json) = Json::parse_owned(bytes) else { continue };
        let begun = Instant::now();
        let entries = index(&json, registry).len();
        let indexed = begun.elapsed();
        search::full_text(&json, registry);
        seen.push((begun.elapsed(), indexed, entries, entry.file_name()));
    }
    seen.sort_unstable_by(|left, right| right.cmp(left));
    let entries: usize = seen.iter().map(|(_, _, entries, _)| entries).sum();
    println!("{} files, {entries} entries, {:?} with reading", seen.len(), begun.elapsed());
    for (whole, indexed, entries, name) in seen.iter().take(10) {
        println!("{whole:?}, of it index {indexed:?}, {entries} entries: {}", name.to_string_lossy());
    }
}

fn observation() -> serde_json::Value {
    json!({
        "resourceType": "Observation", "id": "o1",
        "meta": {"profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation"], "source": "urn:feed:a"},
        "identifier": [{"system": "https://tools.example/lab", "value": "8f3a6c1e"}],
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "laboratory", "display": "Laboratory"}]}],
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1000731000000107",
            "display": "Serum creatinine level"}], "text": "Creatinine"},
        "subject": {"reference": "Patient/p1"}, "encounter": {"reference": "Encounter/e1"},
        "effectiveDateTime": "2024-02-03T10:20:00Z", "issued": "2024-02-03T12:00:00Z",
        "performer": [{"reference": "Organization/o1"}],
        "valueQuantity": {"value": 84, "unit": "umol/L", "system": "http://unitsofmeasure.org", "code": "umol/L"},
        "interpretation": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
            "code": "N", "display": "Normal"}]}],
        "referenceRange": [{"low": {"value": 59}, "high": {"value": 104}}]
    })
}

fn patient() -> serde_json::Value {
    json!({
        "resourceType": "Patient", "id": "p1",
        "meta": {"profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]},
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"},
            {"system": "https://tools.example/mrn", "value": "A123456", "type": {"coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}}],
        "active": true,
        "name": [{"use": "official", "family": "O'Brien-Müller", "given": ["Zoë", "Ann"], "prefix": ["Ms"]}],
        "telecom": [{"system": "phone", "value": "01130000000", "use": "home"},
            {"system": "email", "value": "z@example.org"}],
        "gender": "female", "birthDate": "1974-12-25",
        "address": [{"use": "home", "line": ["1 High Street", "Headingley"], "city": "Leeds",
            "district": "West Yorkshire", "postalCode": "LS1 1AA", "country": "GBR"}],
        "maritalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}]},
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}, "preferred": true}],
        "generalPractitioner": [{"reference": "Practitioner/g1"}],
        "managingOrganization": {"reference": "Organization/o1"}
    })
}
