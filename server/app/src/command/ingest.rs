//! `weir ingest`: files through the same pipeline as the network.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use fhir::Issue;
use indicatif::{ProgressBar, ProgressStyle};
use ingest::{Envelope, Ingest, Receipt};

use crate::cli::IngestArgs;
use crate::table::table;
use crate::wiring::House;

/// Reasons printed at the end, at the most.
const REASONS_MAX: usize = 20;

/// Sends the files one after the other and prints what became of them.
pub async fn run(arguments: IngestArgs) -> Result<ExitCode> {
    let files = super::files(&arguments.paths)?;
    let house = House::open(super::config(&arguments.store)?).await?;
    let ingest = house.ingest();
    let bar = progress_bar(files.len() as u64);
    let mut summary = Summary::default();
    for file in &files {
        let receipt = send(&ingest, arguments.feed.as_str(), file).await?;
        summary.add(file, receipt);
        bar.inc(1);
    }
    bar.finish_and_clear();
    crate::out(&summary.text());
    Ok(if summary.quarantined > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn send(ingest: &Ingest, feed: &str, file: &Path) -> Result<Receipt> {
    let bytes = tokio::fs::read(file).await.with_context(|| format!("read {}", file.display()))?;
    let receipt = ingest.receive(feed, bytes.into(), Envelope::default()).await;
    receipt.with_context(|| format!("ingest {}", file.display()))
}

/// A bar on a terminal, nothing elsewhere.
pub fn progress_bar(length: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files  {elapsed_precise}  about {eta} left");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What became of all files together.
#[derive(Default)]
struct Summary {
    files: u64,
    messages: u64,
    stored_messages: u64,
    duplicates: u64,
    quarantined: u64,
    stored: BTreeMap<String, u64>,
    source: BTreeMap<String, u64>,
    reasons: Vec<String>,
}

impl Summary {
    fn add(&mut self, file: &Path, receipt: Receipt) {
        self.files += 1;
        self.messages += receipt.messages;
        self.stored_messages += receipt.stored_messages;
        self.duplicates += receipt.duplicates;
        self.quarantined += receipt.quarantined;
        for (name, count) in receipt.stored {
            *self.stored.entry(name).or_default() += count;
        }
        for (name, count) in receipt.source_counts {
            *self.source.entry(name).or_default() += count;
        }
        if receipt.quarantined > 0 {
            self.reasons
                .extend(receipt.issues.iter().filter(|issue| issue.is_error()).map(|issue| reason(file, issue)));
        }
    }

    fn text(&self) -> String {
        let mut rows = vec![vec!["".to_owned(), "count".to_owned()]];
        let counts = [
            ("files", self.files),
            ("messages", self.messages),
            ("stored", self.stored_messages),
            ("received before", self.duplicates),
            ("in quarantine", self.quarantined),
        ];
        rows.extend(counts.map(|(name, count)| vec![name.to_owned(), count.to_string()]));
        let mut text = table(&rows);
        text.push_str(&by_type("in the source", &self.source));
        text.push_str(&by_type("stored by type", &self.stored));
        if !self.reasons.is_empty() {
            text.push_str("\nReasons for quarantine (weir quarantine list shows all):\n");
            for reason in self.reasons.iter().take(REASONS_MAX) {
                text.push_str(&format!("  {reason}\n"));
            }
            if self.reasons.len() > REASONS_MAX {
                text.push_str(&format!("  and {} more\n", self.reasons.len() - REASONS_MAX));
            }
        }
        text
    }
}

fn by_type(title: &str, counts: &BTreeMap<String, u64>) -> String {
    let mut rows = vec![vec![title.to_owned(), "count".to_owned()]];
    rows.extend(counts.iter().map(|(name, count)| vec![name.clone(), count.to_string()]));
    format!("\n{}", table(&rows))
}

/// A file's name may hold a patient's; it is the caller's own and goes to the caller's own terminal only.
fn reason(file: &Path, issue: &Issue) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let at = issue.expression.as_deref().map(|at| format!(" ({at})")).unwrap_or_default();
    format!("{name}: {}{at}", issue.diagnostics)
}
