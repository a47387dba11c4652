//! R4's own examples (npm package `hl7.fhir.r4.examples`): none has an error that the reference would not give.
//!
//! `WEIR_TEST_EXAMPLES_DIR` names the folder of the unpacked package; without it the test says so and ends.

use std::io::Write as _;
use std::path::PathBuf;

use profiles::Options;

use crate::validator;

/// What is wrong in the examples themselves, by the start of the file's name and the words of the issue.
const WRONG: [(&str, &str); 0] = [];

#[test]
fn examples_of_the_standard_are_valid() {
    let Some(folder) = std::env::var_os("WEIR_TEST_EXAMPLES_DIR").map(PathBuf::from) else {
        let line = "profiles: the examples of R4 are left out: WEIR_TEST_EXAMPLES_DIR is not set\n";
        // Past the capture of test output.
        return std::io::stderr().write_all(line.as_bytes()).expect("the word is said");
    };
    let mut names: Vec<_> = std::fs::read_dir(&folder).expect("the examples can be listed").flatten().collect();
    names.retain(|entry| entry.file_name().to_string_lossy().ends_with(".json") && entry.file_name() != "package.json");
    names.sort_by_key(std::fs::DirEntry::file_name);
    // All of them take minutes in a debug build; definitions are many and alike.
    let step = if std::env::var_os("WEIR_TEST_ALL_EXAMPLES").is_some() { 1 } else { 10 };
    let (mut count, mut failed) = (0, Vec::new());
    for entry in names.iter().step_by(step) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let bytes = std::fs::read(entry.path()).expect("the example can be read");
        count += 1;
        for issue in validator().validate_text(&bytes, &Options::default()) {
            let is_known =
                WRONG.iter().any(|(start, words)| name.starts_with(start) && issue.diagnostics.contains(words));
            if issue.is_error() && !is_known {
                failed.push(format!("{name}: {} {}", issue.expression.unwrap_or_default(), issue.diagnostics));
            }
        }
    }
    assert!(failed.is_empty(), "{} errors in {count} examples:\n{}", failed.len(), failed.join("\n"));
}
