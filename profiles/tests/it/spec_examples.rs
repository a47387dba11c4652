//! R4's own examples (npm package `hl7.fhir.r4.examples`): none has an error that the reference would not give.
//!
//! Without the examples (`r4_examples.rs`) the test says so and ends. `WEIR_TEST_ALL_EXAMPLES` asks for all of them.

use std::io::Write as _;

use profiles::Options;

use crate::{r4_examples, validator};

/// The examples that are wrong themselves, each with the rule of the standard that it breaks.
const WRONG: &str = include_str!("spec_examples_wrong.txt");

#[test]
fn examples_of_the_standard_are_valid() {
    let folder = match r4_examples::fetched() {
        Ok(folder) => folder.join("package"),
        Err(reason) => {
            let line = format!("profiles: the examples of R4 are left out: {reason}\n");
            // Past the capture of test output.
            return std::io::stderr().write_all(line.as_bytes()).expect("the word is said");
        }
    };
    let mut names: Vec<_> = std::fs::read_dir(&folder).expect("the examples can be listed").flatten().collect();
    names.retain(|entry| entry.file_name().to_string_lossy().ends_with(".json") && entry.file_name() != "package.json");
    names.sort_by_key(std::fs::DirEntry::file_name);
    assert!(names.len() > 5000, "only {} examples", names.len());
    // All of them take a minute in a debug build; definitions are many and alike.
    let step = if std::env::var_os("WEIR_TEST_ALL_EXAMPLES").is_some() { 1 } else { 10 };
    let (mut count, mut failed) = (0, Vec::new());
    for entry in names.iter().step_by(step) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let bytes = std::fs::read(entry.path()).expect("the example can be read");
        count += 1;
        let is_wrong = WRONG.lines().any(|line| line.split_once(": ").is_some_and(|(wrong, _)| wrong == name));
        let errors = validator().validate_text(&bytes, &Options::default()).into_iter().filter(fhir::Issue::is_error);
        let errors: Vec<_> =
            errors.map(|issue| format!("{} {}", issue.expression.unwrap_or_default(), issue.diagnostics)).collect();
        if errors.is_empty() == is_wrong {
            failed.push(format!("{name}: {}", errors.join("; ")));
        }
    }
    assert!(failed.is_empty(), "{} of {count} examples are not as listed:\n{}", failed.len(), failed.join("\n"));
}
