//! `weir ingest --feed ndjson`: R4 resources, one a line, into the store.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};
use ingest::ndjson::{LoadCounts, Loaded, RefusedLine};
use serde_json::json;

use crate::cli::IngestArgs;
use crate::ndjson_files;
use crate::table::table;
use crate::wiring::House;

/// Pieces that wait between reading and validating.
const PIECES_WAITING: usize = 2;
/// Between two steps of the bar.
const STEP: Duration = Duration::from_millis(200);

/// Loads the files one after the other and prints what became of them; exit code 1 when a line was refused.
pub async fn run(arguments: IngestArgs) -> Result<ExitCode> {
    let files = ndjson_files::files(&arguments.paths)?;
    let house = House::open(super::config(&arguments.store)?).await?;
    // The names of files may say whose they are.
    house.audit("ingest", Vec::new(), json!({"feed": arguments.feed.as_str(), "files": files.len()})).await?;
    let load = house.ndjson();
    let (send, pieces) = tokio::sync::mpsc::channel(PIECES_WAITING);
    let read = Arc::new(AtomicU64::new(0));
    let bar = bar(ndjson_files::size_bytes(&files));
    let reader = {
        let (files, read, limit) = (files.clone(), Arc::clone(&read), house.config.limits.body_bytes_max);
        tokio::task::spawn_blocking(move || ndjson_files::read(&files, limit, &read, &send))
    };
    let mut report = Report::new(files, arguments.rejects);
    let outcome = load
        .load(pieces, |loaded| {
            report.add(loaded, &bar);
            bar.set_position(read.load(Ordering::Relaxed));
            bar.set_message(format!("{} resources, {:.0}/s", report.count, report.rate()));
        })
        .await;
    bar.finish_and_clear();
    crate::out(&report.text());
    outcome.context("load; what the table tells is stored, and everything may be loaded again")?;
    reader.await.context("read the files")?.context("what was read before is stored")?;
    report.close()?;
    Ok(if report.refused > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A bar on a terminal, nothing elsewhere; of what has no size known, how much was read.
fn bar(bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match bytes {
        0 => (ProgressBar::new_spinner(), "{spinner} {bytes}  {msg}  {elapsed_precise}"),
        _ => (ProgressBar::new(bytes), "{bar:40} {bytes}/{total_bytes}  {msg}  {elapsed_precise}  about {eta} left"),
    };
    bar.enable_steady_tick(STEP);
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What became of all lines so far.
struct Report {
    files: Vec<PathBuf>,
    started: Instant,
    count: u64,
    refused: u64,
    stored: BTreeMap<String, LoadCounts>,
    rejects: PathBuf,
    rejects_file: Option<Result<File>>,
}

impl Report {
    fn new(files: Vec<PathBuf>, rejects: Option<PathBuf>) -> Report {
        // Colons are not for every file system.
        let name = || PathBuf::from(format!("rejects-{}.ndjson", crate::wiring::now().to_fhir().replace(':', "")));
        Report {
            files,
            started: Instant::now(),
            count: 0,
            refused: 0,
            stored: BTreeMap::new(),
            rejects: rejects.unwrap_or_else(name),
            rejects_file: None,
        }
    }

    fn rate(&self) -> f64 {
        self.count as f64 / self.started.elapsed().as_secs_f64().max(0.001)
    }

    fn add(&mut self, loaded: Loaded, bar: &ProgressBar) {
        self.count += loaded.count();
        for (name, counts) in loaded.stored {
            let known = self.stored.entry(name).or_default();
            known.created += counts.created;
            known.updated += counts.updated;
            known.unchanged += counts.unchanged;
        }
        for refused in &loaded.refused {
            self.refused += 1;
            let file = self.files.get(loaded.file).map(|file| ndjson_files::name(file)).unwrap_or_default();
            bar.suspend(|| tell(&file, refused));
            self.keep(refused);
        }
    }

    /// Keeps a refused line; a file that cannot be written is told at the end, since each line was told already.
    fn keep(&mut self, refused: &RefusedLine) {
        let path = &self.rejects;
        let file = self.rejects_file.get_or_insert_with(|| {
            let made = File::options().write(true).create_new(true).mode(0o600).open(path);
            made.with_context(|| format!("make {}", path.display()))
        });
        if let Ok(open) = file
            && !refused.line.text.is_empty()
            && let Err(error) = open.write_all(&[refused.line.text.as_ref(), b"\n"].concat())
        {
            *file = Err(anyhow::Error::new(error).context(format!("write {}", path.display())));
        }
    }

    fn close(&mut self) -> Result<()> {
        match self.rejects_file.take() {
            None => Ok(()),
            Some(file) => file?.sync_all().with_context(|| format!("write {}", self.rejects.display())),
        }
    }

    fn text(&self) -> String {
        let mut rows = vec![["stored", "new", "changed", "as before"].map(str::to_owned).to_vec()];
        let mut total = LoadCounts::default();
        let row = |name: &str, counts: LoadCounts| {
            let cells = [counts.created, counts.updated, counts.unchanged].map(|count| count.to_string());
            std::iter::once(name.to_owned()).chain(cells).collect::<Vec<_>>()
        };
        for (name, counts) in &self.stored {
            total.created += counts.created;
            total.updated += counts.updated;
            total.unchanged += counts.unchanged;
            rows.push(row(name, *counts));
        }
        rows.push(row("all", total));
        let seconds = self.started.elapsed().as_secs_f64();
        let mut text = table(&rows);
        text.push_str(&format!("\n{} resources in {seconds:.1} s, {:.0} a second\n", self.count, self.rate()));
        if self.refused > 0 {
            text.push_str(&format!("{} lines were refused; they are in {}\n", self.refused, self.rejects.display()));
        }
        text
    }
}

/// One line for each refused one, with its first error; the rest is what `weir validate` is for.
fn tell(file: &str, refused: &RefusedLine) {
    let Some(issue) = refused.issues.iter().find(|issue| issue.is_error()).or(refused.issues.first()) else { return };
    let at = issue.expression.as_deref().map(|at| format!("{at}: ")).unwrap_or_default();
    let rule = issue.rule.as_deref().map(|rule| format!(" [{rule}]")).unwrap_or_default();
    let text = format!("{file}:{}: {at}{}{rule}\n", refused.line.number, issue.diagnostics);
    // Nobody may be there to read it.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
