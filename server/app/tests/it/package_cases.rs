//! The published cases of the reference validator that name a FHIR package which npm has: judged with it as a user would.
//!
//! Needs `npm` and its registry; without them the test says so and ends, and the counts of `conformance/counts` do not depend on it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::place::{told, weir};

/// The package, its archive, and the cases that name it, each with the outcome of the reference.
const PACKAGE: &str = "hl7.fhir.uv.sdc@4.0.0-ballot";
const ARCHIVE: &str = "hl7.fhir.uv.sdc-4.0.0-ballot.tgz";
const CASES: [(&str, &str); 1] = [("qr-internal-refs", "R4.qr-internal-refs-base")];

#[test]
fn cases_with_packages_have_the_outcome_of_the_reference() {
    let cases = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/conformance/validator");
    if !cases.is_dir() {
        return say("there is no ../shared/data/conformance/validator");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--fetch-retries=0", PACKAGE]).current_dir(folder.path()).stdin(Stdio::null());
    if !npm.output().is_ok_and(|output| output.status.success()) {
        return say(&format!("npm cannot fetch {PACKAGE}"));
    }
    for (name, outcome) in CASES {
        let file = cases.join(format!("{name}.json"));
        let mut command = weir();
        command.args(["validate", "--format", "json", "--with", ARCHIVE]).arg(file).current_dir(folder.path());
        let told = told(&mut command, "");
        let found: Value = serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("{error}: {told:?}"));
        let wanted = read(&cases.join(format!("outcomes/java/{outcome}.json")));
        assert_eq!(errors(&found[0]["outcome"]), errors(&wanted), "{name}: {}", told.out);
    }
}

fn errors(outcome: &Value) -> usize {
    let issues = outcome["issue"].as_array().unwrap().iter();
    issues.filter(|issue| issue["severity"] == "error" || issue["severity"] == "fatal").count()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn say(why: &str) {
    let line = format!("app: the cases of the reference validator that need a package are left out: {why}\n");
    // Past the capture of test output.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
