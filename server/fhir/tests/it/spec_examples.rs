//! R4's own examples (npm package `hl7.fhir.r4.examples`): each goes from JSON to XML and back, and nothing is lost:
//! <https://hl7.org/fhir/R4/json.html#xml>.
//!
//! Without the examples (`r4_examples.rs`) the test says so and ends.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fhir::{Json, Node, json_from_xml, xml_from_json};

use crate::r4_examples;

#[test]
fn examples_of_the_standard_come_back() {
    let folder = match r4_examples::fetched() {
        Ok(folder) => folder,
        Err(reason) => {
            let line = format!("fhir: R4's examples left out: {reason}\n");
            // Past the capture of test output.
            return std::io::stderr().write_all(line.as_bytes()).expect("the word is said");
        }
    };
    let files: Vec<PathBuf> = std::fs::read_dir(folder.join("package"))
        .expect("the examples")
        .map(|entry| entry.expect("one").path())
        .collect();
    let is_resource = |path: &&PathBuf| {
        let name = path.file_name().expect("a name");
        path.extension().is_some_and(|extension| extension == "json")
            && name != "package.json"
            && !name.to_string_lossy().starts_with('.')
    };
    let files: Vec<&PathBuf> = files.iter().filter(is_resource).collect();
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(fault) = comes_back(&std::fs::read(path).expect("the example")) {
                        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                        faults.lock().expect("no panic").push((name, fault));
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().expect("no panic");
    faults.sort();
    assert!(faults.is_empty(), "{faults:#?}");
    keep(&format!("All {} come back as they were.\n", files.len()));
}

/// Turns it into XML and back; what is not the same.
fn comes_back(bytes: &[u8]) -> Result<(), String> {
    let before = Json::parse(bytes).map_err(|error| error.to_string())?;
    let xml = xml_from_json(before.text()).map_err(|error| error.to_string())?;
    let after = json_from_xml(&xml).map_err(|error| format!("the XML: {error}"))?;
    let after = Json::parse(after.as_bytes()).map_err(|error| format!("what came back: {error}"))?;
    difference(before.root(), after.root()).map_or(Ok(()), Err)
}

/// Where two values differ, but for the order of properties and the spelling of a text in JSON.
fn difference(before: Node<'_>, after: Node<'_>) -> Option<String> {
    if before.kind() != after.kind() || before.len() != after.len() {
        return Some("another kind or length".to_owned());
    }
    let within = |name: &str, found: Option<String>| found.map(|found| format!("{name}.{found}"));
    let member = |(name, value): (std::borrow::Cow<'_, str>, Node<'_>)| {
        let found = after.get(&name).map_or_else(|| Some("gone".to_owned()), |other| difference(value, other));
        within(&name, found)
    };
    let own = match before.as_str() {
        Some(text) => Some(text) != after.as_str(),
        None => !before.is_object() && !before.is_array() && before.raw() != after.raw(),
    };
    let own = own.then(|| format!("{} is {}", before.raw(), after.raw()));
    own.or_else(|| before.members().find_map(member)).or_else(|| {
        before
            .items()
            .zip(after.items())
            .enumerate()
            .find_map(|(at, (one, other))| within(&at.to_string(), difference(one, other)))
    })
}

/// Compares the count with the one of `conformance/STATUS.md`, or writes it where `WEIR_WRITE_STATUS` is set.
fn keep(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/counts/xml.md");
    if std::env::var_os("WEIR_WRITE_STATUS").is_some() {
        std::fs::write(&path, text).expect("the count can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, text, "conformance/counts/xml.md is not what was found");
}
