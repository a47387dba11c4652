//! The public GP and HL7 v2 sets, where they lie beside the project: how much of them is stored, and that nothing is lost between.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ingest::UnitCounts;

use crate::support::{House, on_each};

/// The files of a set; none, and a word about it, where the sets are not at hand.
fn files(set: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(set);
    if !folder.is_dir() {
        let line = format!("ingest: a test of the public data is left out: there is no ../shared/data/{set}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return Vec::new();
    }
    let mut files = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Sends the files and gives the counts by kind, after holding them against one another.
async fn send(house: &House, feed: &str, files: &[PathBuf]) -> BTreeMap<String, UnitCounts> {
    let mut units: BTreeMap<String, UnitCounts> = BTreeMap::new();
    for file in files {
        let receipt = house.receive(feed, std::fs::read(file).unwrap()).await;
        let total = receipt.total();
        assert_eq!(total.received, total.stored + total.outdated + total.duplicates + total.quarantined, "{file:?}");
        assert_eq!(receipt.refusals.is_empty(), total.quarantined == 0, "{file:?}");
        assert!(receipt.refusals.iter().all(|refused| refused.issues.iter().any(fhir::Issue::is_error)), "{file:?}");
        for (kind, counts) in receipt.units {
            units.entry(kind).or_default().add(counts);
        }
    }
    house.assert_whole().await;
    units
}

fn total<'a>(counts: impl Iterator<Item = &'a UnitCounts>) -> UnitCounts {
    let mut total = UnitCounts::default();
    counts.for_each(|counts| total.add(*counts));
    total
}

#[test]
fn nineteen_of_twenty_entries_of_the_public_gp_records_are_stored() {
    let files = files("gp/structured-records-stu3");
    if files.is_empty() {
        return;
    }
    let mut in_files: BTreeMap<String, u64> = BTreeMap::new();
    for file in &files {
        let bundle: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        for entry in bundle["entry"].as_array().unwrap() {
            *in_files.entry(entry["resource"]["resourceType"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    let (files, in_files) = (&files, &in_files);
    on_each("public_gp", |house| async move {
        let units = send(&house, "gp-connect", files).await;
        let received: BTreeMap<String, u64> =
            units.iter().map(|(kind, counts)| (kind.clone(), counts.received)).collect();
        assert_eq!(received, *in_files);
        let all = total(units.values());
        assert!(all.stored * 100 >= all.received * 95, "{units:?}");
        // All patients bear one number that fails its check: none is linked, each record keeps its own.
        let patients = house.find("Patient", "_count", "100").await;
        let mut persons = Vec::new();
        for patient in &patients {
            persons.push(house.store.person_of_patient(patient["id"].as_str().unwrap()).await.unwrap().unwrap());
        }
        persons.sort_unstable();
        persons.dedup();
        assert_eq!(persons.len(), patients.len());
        assert!(patients.len() > 1);
    });
}

#[test]
fn nine_of_ten_public_adt_and_oru_messages_are_stored() {
    let files = files("acute/hl7v2-us-samples");
    if files.is_empty() {
        return;
    }
    let files = &files;
    on_each("public_hl7", |house| async move {
        let units = send(&house, "acute-hl7v2", files).await;
        assert!(total(units.values()).received >= files.len() as u64);
        let mapped = units.iter().filter(|(kind, _)| kind.starts_with("ADT") || kind.starts_with("ORU"));
        let mapped = total(mapped.map(|(_, counts)| counts));
        assert!(mapped.received > 0 && (mapped.stored + mapped.outdated) * 10 >= mapped.received * 9, "{units:?}");
    });
}
