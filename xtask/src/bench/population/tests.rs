//! What the measurements rely on: the same every time, enough of it, of the sizes and skews that are told.

use std::collections::HashSet;

use serde_json::Value;

use super::patient::{date, nhs_number};
use super::{Kind, Population, Random, References, SKEWED_LOINC};

const POPULATION: Population =
    Population { seed: 1, patients: 300, is_claiming: true, references: References::Relative };

fn all() -> Vec<(super::Name, String)> {
    let people = (0..POPULATION.patients).flat_map(|patient| POPULATION.of_patient(patient));
    POPULATION.shared().chain(people).map(|name| (name, POPULATION.resource(name))).collect()
}

#[test]
fn the_same_seed_makes_the_same() {
    assert_eq!(all(), all());
    let other = Population { seed: 2, ..POPULATION };
    let name = POPULATION.any(&mut Random::of(1, &[]));
    assert_ne!(other.resource(name), POPULATION.resource(name));
}

#[test]
fn resources_are_json_with_the_id_of_their_name_and_point_at_each_other() {
    let all = all();
    let paths: HashSet<String> = all.iter().map(|(name, _)| POPULATION.path(*name)).collect();
    assert_eq!(paths.len(), all.len(), "ids are unique");
    for (name, text) in &all {
        let json: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(json["resourceType"], name.kind.as_str());
        assert_eq!(json["id"], POPULATION.id(*name));
        assert!(!text.contains('$'), "{text}");
        for reference in text.split("\"reference\":\"").skip(1) {
            let target = reference.split('"').next().unwrap_or_default();
            assert!(paths.contains(target), "{target} is not there");
        }
    }
}

#[test]
fn numbers_sizes_and_skew_are_as_told() {
    let all = all();
    let of_patients = all.iter().filter(|(name, _)| Kind::OF_PATIENT.contains(&name.kind)).count() as u64;
    let each = of_patients / POPULATION.patients;
    assert!((95..=105).contains(&each), "{each} a patient");
    let bytes: usize = all.iter().map(|(_, text)| text.len()).sum();
    let mean = bytes / all.len();
    assert!((1000..=1400).contains(&mean), "{mean} bytes");
    for (name, text) in all.iter().filter(|(name, _)| Kind::OF_PATIENT.contains(&name.kind)) {
        assert!((700..=1700).contains(&text.len()), "{name:?}: {} bytes", text.len());
    }
    let hits = all.iter().filter(|(_, text)| text.contains(&format!("\"code\":\"{SKEWED_LOINC}\""))).count() as u64;
    // 64,000 patients give about a million.
    assert!((15..=17).contains(&(hits / POPULATION.patients)), "{hits}");
}

#[test]
fn nhs_numbers_pass_are_unique_and_of_the_test_range() {
    let numbers: HashSet<String> = (0..100_000).filter_map(nhs_number).collect();
    assert_eq!(numbers.len(), 100_000);
    assert!(numbers.iter().all(|number| number.starts_with("999") && fhir::NhsNumber::parse(number).is_ok()));
    assert_eq!(nhs_number(100_000), None);
}

#[test]
fn days_are_dates() {
    assert_eq!(
        [0, 58, 59, 42_368, 36_583].map(date),
        ["1900-01-01", "1900-02-28", "1900-03-01", "2016-01-01", "2000-02-29"].map(str::to_owned)
    );
}

#[test]
fn without_ids_and_claims_there_are_none() {
    let bare = Population { is_claiming: false, references: References::Urn, ..POPULATION };
    let name = bare.any_of(Kind::Observation, &mut Random::of(3, &[]));
    let json: Value = serde_json::from_str(&bare.resource(name)).unwrap();
    assert!(json.get("id").is_none() && json.get("meta").is_none());
    assert!(json["subject"]["reference"].as_str().unwrap().starts_with("urn:uuid:"));
    assert!(json["performer"][0]["reference"].as_str().unwrap().starts_with("Practitioner/"));
}
