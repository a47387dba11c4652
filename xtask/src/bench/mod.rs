//! `cargo xtask bench`: how fast and how small Weir is, on data of its own. docs/performance.md says what each row means.

mod drive;
mod fhirpath;
mod http;
mod key;
mod machine;
mod population;
mod records;
mod report;
mod server;
mod session;
mod validate;
mod workload;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use serde::Serialize;

use population::{Population, References};
use server::Validation;

/// Measures the release build of Weir: throughput, latency, bytes on disk, memory.
///
/// Builds the server, makes synthetic patients (about 100 resources each, the same for the same
/// seed), starts the server on SQLite in a temporary folder or on PostgreSQL, registers a client,
/// loads the patients over HTTP and drives each workload. Prints a table; --json writes the same for
/// programs. Tokens, the audit log and the default validation are on unless a row says otherwise.
/// Settings of the server can be given as its WEIR_... environment variables; they are told with the
/// result.
///
/// Examples:
///   cargo xtask bench
///       1,000 patients on SQLite, every workload: about ten minutes
///   cargo xtask bench --patients 64000 --validation none --workloads search,count --data-dir DIR
///       loads once and keeps the store; the next time it measures without loading
///   cargo xtask bench --database-url postgres://postgres@127.0.0.1/postgres
///       on PostgreSQL; makes databases of its own there and drops them
///   cargo xtask bench fhirpath
///       nanoseconds of one evaluation; needs no server
///   cargo xtask bench validate
///       the validator, the definitions and the JSON parser, on one core; needs no server
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Measure this part alone, inside this process, without a server.
    #[arg(value_enum)]
    part: Option<Part>,
    /// Patients to load; 1000, 10000 and 64000 are what docs/performance.md compares.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    patients: u64,
    /// A PostgreSQL server instead of SQLite; `psql` must be installed, and the user must be allowed to create databases.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Which workloads to run, separated by commas [default: all, and the parts that need no server].
    #[arg(long, value_delimiter = ',', value_enum)]
    workloads: Vec<Workload>,
    /// Seconds that each timed row takes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Patients of each row of the import and ndjson workloads, which begin with an empty store each time [default: --patients, 200 at most].
    #[arg(long, value_name = "N")]
    import_patients: Option<u64>,
    /// What the load of the store that the other workloads use must satisfy.
    #[arg(long, value_enum, default_value = "full")]
    validation: Validation,
    /// What the patients are made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the loaded store in this folder; when it holds one of the same patients and seed, it is used again instead of loading.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Write the rows as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Run everything on 20 patients for a moment, to see that it works; for CI. The figures mean nothing.
    #[arg(long)]
    smoke: bool,
    /// Write the resources of --patients patients to a folder, one a file, and do nothing else: to look at them or to validate them.
    #[arg(long, value_name = "DIR")]
    write_resources: Option<PathBuf>,
}

/// A part that can be measured without a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// One evaluation of typical invariants and search expressions: a few seconds.
    Fhirpath,
    /// Resources held against UK Core, what the definitions take, JSON parsed and walked: half a minute.
    Validate,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Workload {
    /// Transaction bundles into an empty store, by validation and connections.
    Import,
    /// `weir ingest` of a file of NDJSON into an empty store, by validation.
    Ndjson,
    /// Bytes on disk.
    Disk,
    /// Start and memory at rest.
    Start,
    /// Reads of Patients beside the ceiling.
    Read,
    /// 10 creates, 60 reads, 25 updates, 5 deletes.
    Crud,
    /// Small transactions and how many share a commit.
    Transactions,
    /// Thirty shapes of searches.
    Search,
    /// The count of a code that many have.
    Count,
}

impl Options {
    fn is_wanted(&self, workload: Workload) -> bool {
        self.workloads.is_empty() || self.workloads.contains(&workload)
    }

    fn import_patients(&self) -> u64 {
        self.import_patients.unwrap_or_else(|| self.patients.min(200))
    }

    fn population(&self) -> Population {
        Population { seed: self.seed, patients: self.patients, is_claiming: true, references: References::Relative }
    }
}

/// Builds what is measured and measures it; the answer is the table.
pub(crate) fn run(root: &Path, mut options: Options) -> Result<String> {
    if cfg!(debug_assertions) {
        return run_released(root, &options);
    }
    let mut rows = match options.part {
        Some(Part::Validate) => validate::rows()?,
        Some(Part::Fhirpath) => fhirpath::rows()?,
        None if options.workloads.is_empty() => [validate::rows()?, fhirpath::rows()?].concat(),
        None => Vec::new(),
    };
    if options.part.is_some() {
        if let Some(path) = &options.json {
            write_json(path, &rows)?;
        }
        return Ok(format!("On one core, warm, the best of several rounds:\n{}", report::table(&rows)));
    }
    if options.smoke {
        options.patients = 20;
    }
    if let Some(folder) = &options.write_resources {
        return write_resources(folder, &options);
    }
    let programs = std::env::current_exe()?.parent().context("this program lies in a folder")?.to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let facts = machine::facts(&options)?;
    rows.extend(runtime.block_on(session::run(&programs, &options))?);
    if let Some(path) = &options.json {
        write_json(path, &serde_json::json!({"run": facts, "rows": rows}))?;
    }
    let table = format!("{}\n{}", machine::sentence(&facts), report::table(&rows));
    if rows.iter().any(|row| row.errors > 0) {
        bail!("some requests went wrong\n{table}");
    }
    Ok(table)
}

fn write_json(path: &Path, told: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(told)?;
    std::fs::write(path, text + "\n").with_context(|| format!("write {}", path.display()))
}

/// A load generator that is not optimised would measure itself, so the release build of this program goes on.
fn run_released(root: &Path, options: &Options) -> Result<String> {
    let server = ["build", "--release", "--bins", "--example", "ceiling", "-p", "app", "-p", "rest", "-p", "xtask"];
    let alone = ["build", "--release", "-p", "xtask"];
    let build = if options.part.is_some() { alone.as_slice() } else { &server };
    let status = Command::new(env!("CARGO")).args(build).current_dir(root).status().context("run cargo build")?;
    ensure!(status.success(), "the release build failed");
    let debug = std::env::current_exe()?;
    let target = debug.parent().and_then(Path::parent).context("this program lies in a target folder")?;
    let released = target.join("release").join("xtask");
    let status = Command::new(&released).args(std::env::args_os().skip(1)).status();
    ensure!(status.with_context(|| format!("run {}", released.display()))?.success(), "the bench failed");
    Ok(String::new())
}

fn write_resources(folder: &Path, options: &Options) -> Result<String> {
    let population = options.population();
    std::fs::create_dir_all(folder)?;
    let of_patients = (0..population.patients).flat_map(|patient| population.of_patient(patient));
    let mut count = 0;
    for name in population.shared().chain(of_patients) {
        let file = folder.join(format!("{}.json", population.path(name).replace('/', "-")));
        std::fs::write(&file, population.resource(name)).with_context(|| format!("write {}", file.display()))?;
        count += 1;
    }
    Ok(format!("{count} resources in {}", folder.display()))
}
