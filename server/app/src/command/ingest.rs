//! `weir ingest`: files through the same pipeline as the network.

use std::collections::{BTreeMap, HashSet};
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use fhir::{Issue, Severity};
use indicatif::{ProgressBar, ProgressStyle};
use ingest::{Envelope, Ingest, Receipt, UnitCounts};

use crate::cli::{FeedName, IngestArgs};
use crate::table::table;
use crate::wiring::House;

/// Different reasons printed at the end, at the most.
const REASONS_MAX: usize = 20;

/// Sends the files one after the other and prints what became of them.
pub async fn run(arguments: IngestArgs) -> Result<ExitCode> {
    if arguments.feed == FeedName::Ndjson {
        return super::ingest_ndjson::run(arguments).await;
    }
    anyhow::ensure!(
        arguments.rejects.is_none(),
        "--rejects is for --feed ndjson; a feed keeps what it refuses in quarantine"
    );
    let files = super::files(&arguments.paths)?;
    let house = House::open(super::config(&arguments.store)?).await?;
    let ingest = house.ingest();
    let bar = progress_bar(files.len() as u64, "files");
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
pub fn progress_bar(length: u64, what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = format!("{{bar:40}} {{pos}}/{{len}} {what}  {{elapsed_precise}}  about {{eta}} left");
    let style = ProgressStyle::with_template(&template);
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What became of all files together.
#[derive(Default)]
struct Summary {
    files: u64,
    messages: u64,
    quarantined: u64,
    warnings: u64,
    units: BTreeMap<String, UnitCounts>,
    /// Ids of the resources that came of it, by type: one that many messages tell of is one.
    resources: BTreeMap<String, HashSet<String>>,
    /// How often each reason was given, and the first file in which it was.
    reasons: BTreeMap<String, (u64, String)>,
}

/// A title, what stands under it, and whether it is shown.
type Column = (&'static str, fn(&UnitCounts) -> u64, bool);

impl Summary {
    fn add(&mut self, file: &Path, receipt: Receipt) {
        self.files += 1;
        self.messages += receipt.messages;
        self.quarantined += receipt.quarantined;
        let is_warning = |issue: &&Issue| issue.severity == Severity::Warning;
        self.warnings += receipt.issues.iter().filter(is_warning).count() as u64;
        for (kind, counts) in receipt.units {
            self.units.entry(kind).or_default().add(counts);
        }
        for (name, id) in receipt.resources.iter().filter_map(|resource| resource.split_once('/')) {
            self.resources.entry(name.to_owned()).or_default().insert(id.to_owned());
        }
        for refused in &receipt.refusals {
            let reason = refused.issues.first().map_or_else(|| refused.code.to_owned(), reason);
            let first = || (0, file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
            self.reasons.entry(reason).or_insert_with(first).0 += 1;
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{} files, {} messages\n\n", self.files, self.messages);
        text.push_str(&self.by_kind());
        if !self.resources.is_empty() {
            let mut rows = vec![vec!["stored as R4".to_owned(), "resources".to_owned()]];
            rows.extend(self.resources.iter().map(|(name, ids)| vec![name.clone(), ids.len().to_string()]));
            text.push_str(&format!("\n{}", table(&rows)));
        }
        if !self.reasons.is_empty() {
            text.push_str("\nReasons for quarantine (`weir quarantine list` shows each)\n");
            let mut reasons: Vec<(&String, &(u64, String))> = self.reasons.iter().collect();
            reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
            for (reason, (count, file)) in reasons.iter().take(REASONS_MAX) {
                text.push_str(&format!("  {count:>5}  {reason}, first in {file}\n"));
            }
            if reasons.len() > REASONS_MAX {
                text.push_str(&format!("  and {} more reasons\n", reasons.len() - REASONS_MAX));
            }
        }
        text
    }

    /// The source's own kinds and what became of them; columns that are empty throughout are left out.
    fn by_kind(&self) -> String {
        let mut total = UnitCounts::default();
        self.units.values().for_each(|counts| total.add(*counts));
        let columns: [Column; 4] = [
            ("in source", |counts| counts.received, true),
            ("stored", |counts| counts.stored + counts.outdated, true),
            ("received before", |counts| counts.duplicates, total.duplicates > 0),
            ("quarantined", |counts| counts.quarantined, true),
        ];
        let shown = || columns.iter().filter(|(_, _, is_shown)| *is_shown);
        let row = |name: &str, counts: &UnitCounts| {
            let cells = shown().map(|(_, count, _)| count(counts).to_string());
            std::iter::once(name.to_owned()).chain(cells).collect::<Vec<_>>()
        };
        let head = shown().map(|(title, _, _)| (*title).to_owned());
        let mut rows: Vec<Vec<String>> = vec![std::iter::once(String::new()).chain(head).collect()];
        rows.extend(self.units.iter().map(|(kind, counts)| row(kind, counts)));
        rows.push(row("all", &total));
        let mut text = table(&rows);
        if total.outdated > 0 {
            let said = "of these tell of a time before what is known: kept, and nothing newer was overwritten";
            text.push_str(&format!("  {} {said}\n", total.outdated));
        }
        if self.warnings > 0 {
            text.push_str(&format!("  {} warnings about what is stored are kept with its messages\n", self.warnings));
        }
        text
    }
}

fn reason(issue: &Issue) -> String {
    let at = issue.expression.as_deref().filter(|at| !issue.diagnostics.contains(*at));
    format!("{}{}", issue.diagnostics, at.map(|at| format!(" ({at})")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use ingest::RefusedPart;

    use super::*;

    #[test]
    fn counts_stand_beside_those_of_the_source() {
        let counts = UnitCounts { received: 3, stored: 1, outdated: 1, quarantined: 1, ..UnitCounts::default() };
        let refused = RefusedPart {
            part: None,
            code: "message-unsupported",
            issues: vec![Issue::error("not-supported", "MSH-9: SIU^S12 is not mapped by this feed").at("MSH-9")],
        };
        let receipt = Receipt {
            messages: 3,
            quarantined: 1,
            resources: ["Patient/a", "Patient/b", "Patient/a"].map(str::to_owned).to_vec(),
            units: BTreeMap::from([("ADT^A01".to_owned(), counts)]),
            refusals: vec![refused],
            issues: vec![Issue::warning("value", "PID-7: born after the event")],
            ..Receipt::default()
        };
        let mut summary = Summary::default();
        summary.add(Path::new("a/b.hl7"), receipt);
        let expected = [
            "1 files, 3 messages\n\n",
            "           in source  stored  quarantined\n",
            "  ADT^A01          3       2            1\n",
            "  all              3       2            1\n",
            "  1 of these tell of a time before what is known: kept, and nothing newer was overwritten\n",
            "  1 warnings about what is stored are kept with its messages\n",
            "\n  stored as R4  resources\n  Patient               2\n",
            "\nReasons for quarantine (`weir quarantine list` shows each)\n",
            "      1  MSH-9: SIU^S12 is not mapped by this feed, first in b.hl7\n",
        ];
        assert_eq!(summary.text(), expected.concat());
    }
}
