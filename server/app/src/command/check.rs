//! `weir check`: proves that the store and its audit log are whole.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use policy::{Grant, Task};

use crate::cli::StoreArgs;
use crate::table::table;
use crate::wiring::House;

/// Reads everything and prints what was found; exit code 1 when something is wrong.
pub async fn run(arguments: &StoreArgs) -> Result<ExitCode> {
    let house = House::open(super::config(arguments)?).await?;
    let report = house.store.check(&Grant::for_system(Task::Check, &house.token)).await.context("check the store")?;
    let audit = house.store.audit().verify().await.context("verify the audit log")?;
    let counts = [
        ("resources", report.resources),
        ("superseded versions", report.superseded),
        ("index rows", report.index_rows),
        ("audit records", audit.sound),
    ];
    let rows: Vec<Vec<String>> = [vec!["sound".to_owned(), "count".to_owned()]]
        .into_iter()
        .chain(counts.map(|(name, count)| vec![name.to_owned(), count.to_string()]))
        .collect();
    crate::out(&table(&rows));
    let mut problems = report.problems;
    problems.extend(audit.broken.map(|fault| format!("audit record {}: {:?} is wrong", fault.seq, fault.fault)));
    for problem in &problems {
        crate::out(&format!("  wrong: {problem}\n"));
    }
    crate::out(if problems.is_empty() { "\nThe store is whole.\n" } else { "\nThe store is NOT whole.\n" });
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
