//! R4's own examples (npm package `hl7.fhir.r4.examples`): none has an error that the reference would not give.
//!
//! Needs `npm`, `tar` and the npm registry; without them the test says so and ends. `WEIR_TEST_EXAMPLES_DIR` names a folder that keeps what
//! was fetched, as `package/`, for the next run. `WEIR_TEST_ALL_EXAMPLES` asks for all of them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use profiles::Options;

use crate::validator;

/// The examples that are wrong themselves, each with the rule of the standard that it breaks.
const WRONG: &str = include_str!("spec_examples_wrong.txt");
const EXAMPLES: &str = "hl7.fhir.r4.examples@4.0.1";
const ARCHIVE: &str = "hl7.fhir.r4.examples-4.0.1.tgz";

#[test]
fn examples_of_the_standard_are_valid() {
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("r4-examples");
    let folder = std::env::var_os("WEIR_TEST_EXAMPLES_DIR").map_or(made, PathBuf::from);
    if let Err(reason) = fetch(&folder) {
        let line = format!("profiles: the examples of R4 are left out: {reason}\n");
        // Past the capture of test output.
        return std::io::stderr().write_all(line.as_bytes()).expect("the word is said");
    }
    let folder = folder.join("package");
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

/// Brings the examples into the folder, unless they are there.
fn fetch(folder: &Path) -> Result<(), String> {
    if folder.join("package").is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    run(folder, "npm", &["pack", "--silent", "--fetch-retries=0", EXAMPLES])?;
    run(folder, "tar", &["xzf", ARCHIVE])
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{program} {} ended with {}", arguments.join(" "), output.status)),
        Err(error) => Err(format!("{program}: {error}")),
    }
}
