//! R4's own examples (npm package `hl7.fhir.r4.examples`), fetched for the tests of three crates, each of which includes this file.
//!
//! Needs `npm`, `tar` and the npm registry. `WEIR_TEST_EXAMPLES_DIR` names a folder that keeps what was fetched, as `package/`, for the next
//! run; without it a folder of the build does.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const EXAMPLES: &str = "hl7.fhir.r4.examples@4.0.1";
const ARCHIVE: &str = "hl7.fhir.r4.examples-4.0.1.tgz";

/// Brings the examples where they are not there yet, and gives the folder that has `package/`; the error says why there are none.
pub(crate) fn fetched() -> Result<PathBuf, String> {
    let made = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("r4-examples");
    let folder = std::env::var_os("WEIR_TEST_EXAMPLES_DIR").map_or_else(made, PathBuf::from);
    if !folder.join("package/package.json").is_file() {
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        run(&folder, "npm", &["pack", "--silent", "--fetch-retries=0", EXAMPLES])?;
        run(&folder, "tar", &["xzf", ARCHIVE])?;
    }
    Ok(folder)
}

/// Runs a program in a folder; the error says how it ended.
pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{program} {} ended with {}", arguments.join(" "), output.status)),
        Err(error) => Err(format!("{program}: {error}")),
    }
}
