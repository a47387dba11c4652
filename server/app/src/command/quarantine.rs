//! `weir quarantine`: what is kept aside, why, and running it again.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use store::{MessageFilter, MessageKey, MessageStatus, MessageSummary, Store};

use crate::cli::{QuarantineCommand, ReplayArgs, StoreArgs};
use crate::table::table;
use crate::wiring::House;

/// Messages read at a time.
const PAGE: u32 = 500;

/// Runs the command.
pub async fn run(command: QuarantineCommand) -> Result<ExitCode> {
    match command {
        QuarantineCommand::List(arguments) => list(&arguments).await.map(|()| ExitCode::SUCCESS),
        QuarantineCommand::Replay(arguments) => replay(&arguments).await,
    }
}

/// Something in quarantine: a message, or a part of a message of which the rest is stored.
pub struct Kept {
    /// The message.
    pub message: MessageSummary,
    /// The part, as its source counts; none for the whole message.
    pub part: Option<String>,
    /// The first reason.
    pub reason: String,
}

/// Everything in quarantine, the oldest first.
pub async fn quarantined(store: &Store) -> Result<Vec<Kept>> {
    let filter = MessageFilter { status: Some(MessageStatus::Quarantined), ..MessageFilter::default() };
    let mut found: Vec<Kept> = Vec::new();
    loop {
        let after = found.last().map_or(MessageKey(0), |kept| kept.message.key);
        let page = store.messages(&filter, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|message| Kept {
            reason: first_reason(message.issues.as_deref(), message.code.as_deref()),
            part: None,
            message,
        }));
    }
    for (key, unit) in store.quarantined_units(None).await? {
        let before = MessageKey(key.0 - 1);
        let Some(message) = store.messages(&MessageFilter::default(), before, 1).await?.pop() else { continue };
        let reason = first_reason(Some(&unit.issues), Some(&unit.code));
        found.push(Kept { message, part: Some(unit.unit), reason });
    }
    found.sort_by_key(|kept| kept.message.key.0);
    Ok(found)
}

fn first_reason(issues: Option<&str>, code: Option<&str>) -> String {
    let issues: serde_json::Value = issues.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let first = issues.pointer("/issue/0").or_else(|| issues.pointer("/0"));
    let text = first.and_then(|issue| issue.get("diagnostics")).and_then(|text| text.as_str());
    text.or(code).unwrap_or("no reason is kept").to_owned()
}

async fn list(arguments: &StoreArgs) -> Result<()> {
    let house = House::open(super::config(arguments)?).await?;
    let mut rows = vec![["key", "part", "feed", "received", "reason"].map(str::to_owned).to_vec()];
    for Kept { message, part, reason } in quarantined(&house.store).await? {
        let part = part.unwrap_or_default();
        rows.push(vec![message.key.0.to_string(), part, message.feed.clone(), message.received.to_fhir(), reason]);
    }
    crate::out(&table(&rows));
    Ok(())
}

async fn replay(arguments: &ReplayArgs) -> Result<ExitCode> {
    let house = House::open(super::config(&arguments.store)?).await?;
    let ingest = house.ingest();
    let keys = match arguments.keys.as_slice() {
        [] => {
            let mut keys: Vec<i64> = quarantined(&house.store).await?.iter().map(|kept| kept.message.key.0).collect();
            keys.dedup();
            keys
        }
        keys => keys.to_vec(),
    };
    let mut still = 0;
    for key in &keys {
        let receipt = ingest.replay(*key).await.with_context(|| format!("replay message {key}"))?;
        still += receipt.quarantined;
    }
    crate::out(&format!("{} messages run again, {still} still in quarantine\n", keys.len()));
    Ok(if still > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
