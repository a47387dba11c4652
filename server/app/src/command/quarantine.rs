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

/// Everything in quarantine, the oldest first.
pub async fn quarantined(store: &Store) -> Result<Vec<MessageSummary>> {
    let filter = MessageFilter { status: Some(MessageStatus::Quarantined), ..MessageFilter::default() };
    let mut found: Vec<MessageSummary> = Vec::new();
    loop {
        let after = found.last().map_or(MessageKey(0), |message| message.key);
        let page = store.messages(&filter, after, PAGE).await?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}

/// The first reason of a message, from its issues.
pub fn reason(message: &MessageSummary) -> String {
    let issues: serde_json::Value =
        message.issues.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let first = issues.pointer("/issue/0").or_else(|| issues.pointer("/0"));
    let text = first.and_then(|issue| issue.get("diagnostics")).and_then(|text| text.as_str());
    text.or(message.code.as_deref()).unwrap_or("no reason is kept").to_owned()
}

async fn list(arguments: &StoreArgs) -> Result<()> {
    let house = House::open(super::config(arguments)?).await?;
    let mut rows = vec![["key", "feed", "received", "reason"].map(str::to_owned).to_vec()];
    for message in quarantined(&house.store).await? {
        rows.push(vec![message.key.0.to_string(), message.feed.clone(), message.received.to_fhir(), reason(&message)]);
    }
    crate::out(&table(&rows));
    Ok(())
}

async fn replay(arguments: &ReplayArgs) -> Result<ExitCode> {
    let house = House::open(super::config(&arguments.store)?).await?;
    let ingest = house.ingest();
    let keys = match arguments.keys.as_slice() {
        [] => quarantined(&house.store).await?.into_iter().map(|message| message.key.0).collect(),
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
