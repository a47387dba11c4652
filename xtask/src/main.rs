//! `cargo xtask`: the project's own chores.

mod definitions;
mod tidy;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// The project's own chores.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check the house style
    Tidy,
    /// Write the facts of FHIR R4 from its package to server/definitions/data
    Definitions {
        /// The package as a file, instead of fetching it with npm
        #[arg(long)]
        package: Option<PathBuf>,
    },
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands in the workspace")?;
    let report = match Arguments::parse().chore {
        Chore::Tidy => tidy::run(root)?,
        Chore::Definitions { package } => definitions::run(root, package.as_deref())?,
    };
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
