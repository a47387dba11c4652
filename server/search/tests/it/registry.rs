//! All R4 search parameters compile, and their numbers are stable and apart.

use std::collections::HashSet;

use search::{Kind, param_id};

use crate::registry;

#[test]
fn every_r4_parameter_compiles() {
    assert_eq!(registry().faults(), &[] as &[String]);
}

#[test]
fn numbers_are_stable_and_do_not_collide() {
    let definitions = definitions::Definitions::r4().unwrap();
    let urls: HashSet<&str> = definitions.search_parameters().iter().map(|p| p.url.as_str()).collect();
    let ids: HashSet<u32> = urls.iter().map(|url| param_id(url)).collect();
    assert_eq!(ids.len(), urls.len());
    // A change here would orphan every index row.
    assert_eq!(param_id("http://hl7.org/fhir/SearchParameter/individual-birthdate"), 2_143_309_754);
}

#[test]
fn base_parameters_apply_to_every_type() {
    for type_name in ["Patient", "Binary", "Bundle", "Observation"] {
        for code in ["_id", "_lastUpdated", "_profile", "_tag", "_security", "_source"] {
            assert!(registry().param(type_name, code).is_some(), "{type_name} {code}");
        }
    }
}

#[test]
fn parameters_know_their_kind_and_targets() {
    let patient = registry().param("Observation", "patient").unwrap();
    assert_eq!(patient.kind, Kind::Reference);
    assert_eq!(registry().by_id(patient.id), Some(patient));
    assert!(registry().param("Patient", "patient").is_none());
    assert!(registry().is_unsupported("Observation", "code-value-quantity"));
}
