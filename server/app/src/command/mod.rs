//! The subcommands, one a file.

pub mod check;
pub mod client;
pub mod demo;
pub mod evidence;
pub mod fhirpath;
pub mod ingest;
pub mod ingest_ndjson;
pub mod migrate;
pub mod opt_out;
pub mod package;
pub mod person;
pub mod quarantine;
pub mod reindex;
pub mod serve;
pub mod user;
pub mod validate;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cli::StoreArgs;
use crate::config::Config;

/// The configuration that a command's arguments name; arguments win over file and environment.
pub fn config(arguments: &StoreArgs) -> Result<Config> {
    let folder = arguments.data_dir.as_ref().map(|folder| folder.to_string_lossy().into_owned());
    let given = [("WEIR_SERVER_DATA_DIR", folder), ("WEIR_SERVER_DATABASE_URL", arguments.database_url.clone())];
    let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    // Arguments are held against the same contract as the settings that they replace.
    Config::load(arguments.config.as_deref(), std::env::vars().chain(given))
}

/// How lists say whether something works.
pub(crate) fn state(is_active: bool) -> String {
    if is_active { "active" } else { "disabled" }.to_owned()
}

/// The files that paths name: folders are walked, hidden files left out, in the order of their names.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, &mut found)?;
        } else if path.is_file() {
            found.push(path.clone());
        } else {
            anyhow::bail!("there is no file or folder {}", path.display());
        }
    }
    // Nothing looked at must not pass for nothing found.
    anyhow::ensure!(!found.is_empty(), "there are no files in the folders given");
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("read the folder {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    for path in paths {
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden {
            continue;
        }
        if path.is_dir() { walk(&path, found)? } else { found.push(path) }
    }
    Ok(())
}
