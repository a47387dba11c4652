//! `cargo xtask bench validate`: the validator alone, without a server or a store.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Runs the measurement that the validator's crate has, as a release build of its own.
pub(super) fn run(root: &Path) -> Result<String> {
    let arguments = ["run", "--release", "--quiet", "-p", "profiles", "--example", "validate_speed"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root).output().context("run cargo")?;
    ensure!(output.status.success(), "the measurement failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}
