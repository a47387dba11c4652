//! `weir quarantine`: what is kept aside, why, and running it again.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use store::{MessageFilter, MessageKey, MessageStatus, MessageSummary, Store};

use crate::cli::{QuarantineCommand, QuarantineDiscardArgs, QuarantineShowArgs, ReplayArgs, StoreArgs};
use crate::table::table;
use crate::wiring::House;

/// Messages read at a time.
const PAGE: u32 = 500;

/// Runs the command.
pub async fn run(command: QuarantineCommand) -> Result<ExitCode> {
    match command {
        QuarantineCommand::List(arguments) => list(&arguments).await.map(|()| ExitCode::SUCCESS),
        QuarantineCommand::Show(arguments) => show(&arguments).await.map(|()| ExitCode::SUCCESS),
        QuarantineCommand::Discard(arguments) => discard(&arguments).await.map(|()| ExitCode::SUCCESS),
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
    // They come message by message, and one file may have thousands.
    let mut last: Option<MessageSummary> = None;
    for (key, unit) in store.quarantined_units(None).await? {
        if last.as_ref().is_none_or(|message| message.key != key) {
            last = store.messages(&MessageFilter::default(), MessageKey(key.0 - 1), 1).await?.pop();
        }
        let Some(message) = last.clone() else { continue };
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

async fn show(arguments: &QuarantineShowArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    let key = arguments.key;
    let found = house.store.message(MessageKey(key)).await?;
    let (summary, bytes) = found.with_context(|| format!("there is no message {key}"))?;
    let mut text = format!("message {key} of {}, received {}\n", summary.feed, summary.received.to_fhir());
    text.push_str(&reasons(summary.issues.as_deref(), "the whole message"));
    for (_, unit) in house.store.quarantined_units(Some(MessageKey(key))).await? {
        text.push_str(&reasons(Some(&unit.issues), &unit.unit));
    }
    if arguments.message {
        house.audit("quarantine show", Vec::new(), json!({"message": key})).await?;
        text.push_str(&format!("\n{}\n", String::from_utf8_lossy(&bytes).replace('\r', "\n")));
    }
    crate::out(&text);
    Ok(())
}

/// A line for each issue of a message or a part of it.
fn reasons(issues: Option<&str>, part: &str) -> String {
    let issues: serde_json::Value = issues.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let list = issues.get("issue").unwrap_or(&issues).as_array().cloned().unwrap_or_default();
    let text = |issue: &serde_json::Value, pointer: &str| {
        issue.pointer(pointer).and_then(|text| text.as_str()).map(str::to_owned)
    };
    let line = |issue: &serde_json::Value| {
        let place = text(issue, "/expression/0").map(|place| format!(" ({place})")).unwrap_or_default();
        let severity = text(issue, "/severity").unwrap_or_default();
        format!("  {part}: {severity}: {}{place}\n", text(issue, "/diagnostics").unwrap_or_default())
    };
    list.iter().map(line).collect()
}

async fn discard(arguments: &QuarantineDiscardArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    house.audit("quarantine discard", Vec::new(), json!({"messages": arguments.keys})).await?;
    for key in &arguments.keys {
        let (from, to) = (MessageStatus::Quarantined, MessageStatus::Superseded);
        if !house.store.set_message_status(MessageKey(*key), from, to).await? {
            bail!("message {key} is not in quarantine");
        }
        crate::out(&format!("message {key} is out of quarantine; its bytes are kept\n"));
    }
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
    house.audit("quarantine replay", Vec::new(), json!({"messages": keys})).await?;
    let mut still = 0;
    for key in &keys {
        let receipt = ingest.replay(*key).await.with_context(|| format!("replay message {key}"))?;
        still += receipt.quarantined;
    }
    crate::out(&format!("{} messages run again, {still} still in quarantine\n", keys.len()));
    Ok(if still > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
