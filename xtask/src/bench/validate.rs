//! `cargo xtask bench validate`: how fast the validator and the JSON parser are and what the definitions weigh, on one core, warm.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::definitions::Definitions;
use anyhow::{Context as _, Result, ensure};
use fhir::{Json, Node};
use profiles::{Options, Validator, parse_text, with_uk_core};
use serde_json::Value;

use super::records;
use super::report::Row;

/// How long one round of a figure takes, and all of them; the best round counts, for the machine may be shared.
const ROUND: Duration = Duration::from_millis(2);
const ROW: Duration = Duration::from_secs(2);

/// Measures. Memory is what this process has more after than before, so this comes before other parts.
pub(super) fn rows() -> Result<Vec<Row>> {
    let (before, start) = (memory_mb()?, Instant::now());
    let base = Definitions::r4()?;
    let validator = Validator::new(Arc::new(with_uk_core(&base)?));
    let ready = start.elapsed().as_secs_f64() * 1e3;
    drop(base);
    let mut rows = vec![Row::value("definitions", "R4 and UK Core ready", "ms", Some(ready)).noting("goal 300")];
    for (name, record) in [
        ("UK Core Patient", records::patient()),
        ("UK Core blood pressure", records::blood_pressure(1)),
        ("UK Core MedicationRequest", records::medication(1)),
    ] {
        let each = validation_s(&validator, &record)?;
        rows.push(Row::value("validate", name, "resources/s", Some(1.0 / each)).noting("goal 10000"));
        rows.push(Row::value("validate", name, "us", Some(each * 1e6)).noting("goal 100"));
    }
    let bundle = records::bundle();
    let each = validation_s(&validator, &bundle)?;
    rows.push(Row::value("validate", "Bundle of 1,000 entries", "ms", Some(each * 1e3)).noting("goal 150"));
    // What was used of them is compiled now.
    let memory = memory_mb()? - before;
    rows.insert(
        1,
        Row::value("definitions", "memory, with all rules that were used", "MB", Some(memory)).noting("goal 60"),
    );
    for (name, record) in [("UK Core Patient", records::patient()), ("Bundle of 1,000 entries", bundle)] {
        let text = record.to_string();
        let each = best_s(|| Ok(walk(Json::parse(black_box(text.as_bytes()))?.root())))?;
        let rate = text.len() as f64 / each / 1e6;
        rows.push(Row::value("json", &format!("parse and walk: {name}"), "MB/s", Some(rate)).noting("goal 500"));
    }
    Ok(rows)
}

/// Seconds that it takes to parse a record and hold it against R4 and UK Core, as a write does.
fn validation_s(validator: &Validator, record: &Value) -> Result<f64> {
    let text = record.to_string();
    let options = Options::uk_core();
    best_s(|| {
        let resource = parse_text(text.as_bytes()).map_err(|issue| anyhow::anyhow!(issue.diagnostics))?;
        let issues = validator.issues(&resource, &options);
        let error = issues.iter().find(|issue| issue.is_error());
        ensure!(error.is_none(), "a record of the bench is not valid: {error:?}");
        Ok(issues.len())
    })
}

/// Seconds that one turn takes, in the best round after a first.
fn best_s(turn: impl Fn() -> Result<usize>) -> Result<f64> {
    turn()?;
    let (mut best, all) = (f64::MAX, Instant::now());
    while all.elapsed() < ROW {
        let (start, mut count) = (Instant::now(), 0_u32);
        while start.elapsed() < ROUND {
            black_box(turn()?);
            count += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(count));
    }
    Ok(best)
}

/// Looks at every name and value below a node; the length of what was seen.
fn walk(node: Node<'_>) -> usize {
    let length = |node: &Node<'_>| node.as_str().map_or(0, |text| text.len());
    let members: usize = node.entries().map(|(name, value)| length(&name) + walk(value)).sum();
    let items: usize = node.items().map(walk).sum();
    members + items + length(&node)
}

/// Resident memory of this process, as Linux counts it.
fn memory_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no resident memory")?;
    let kib: f64 = line.split_whitespace().next().context("no number")?.parse()?;
    Ok(kib * 1024.0 / 1e6)
}
