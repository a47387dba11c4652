//! `cargo xtask`: the project's own chores.

mod bench;
mod definitions;
mod dictionary;
mod tidy;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

/// The project's own chores.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run what must pass before a change lands: fmt, clippy, tidy, tests
    Ci,
    /// Check the house style
    Tidy,
    /// Write the facts of FHIR R4 from its packages to server/definitions/data
    Definitions {
        /// A package as a file, instead of fetching it with npm; again for each
        #[arg(long)]
        package: Vec<PathBuf>,
    },
    /// Make the dictionary by which the store compresses bodies (server/store/data), once for each that is released
    Dictionary,
    Bench(bench::Options),
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands in the workspace")?;
    let report = match Arguments::parse().chore {
        Chore::Ci => ci(root)?,
        Chore::Tidy => tidy::run(root)?,
        Chore::Bench(options) => bench::run(root, options)?,
        Chore::Definitions { package } => definitions::run(root, &package)?,
        Chore::Dictionary => dictionary::run(root)?,
    };
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}

/// The steps of `.ci/run`, but for PostgreSQL and the demo.
fn ci(root: &Path) -> Result<String> {
    let steps: [&[&str]; 4] = [
        &["fmt", "--all", "--check"],
        &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        &["xtask", "tidy"],
        &["test", "--workspace"],
    ];
    for step in steps {
        let name = step.join(" ");
        writeln!(std::io::stdout(), "== cargo {name}")?;
        let status = std::process::Command::new(env!("CARGO")).args(step).current_dir(root).status();
        ensure!(status.with_context(|| format!("run cargo {name}"))?.success(), "cargo {name} failed");
    }
    Ok("ci: all steps passed".to_owned())
}
