//! The subcommands, one a file.

pub mod client;
pub mod demo;
pub mod evidence;
pub mod ingest;
pub mod migrate;
pub mod opt_out;
pub mod person;
pub mod quarantine;
pub mod serve;
pub mod user;
pub mod validate;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cli::StoreArgs;
use crate::config::Config;

/// The configuration that a command's arguments name; arguments win over file and environment.
pub fn config(arguments: &StoreArgs) -> Result<Config> {
    let mut config = Config::load(arguments.config.as_deref(), std::env::vars())?;
    if let Some(folder) = &arguments.data_dir {
        config.server.data_dir.clone_from(folder);
    }
    if let Some(url) = &arguments.database_url {
        config.server.database_url.clone_from(url);
    }
    Ok(config)
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
