//! What the audit log is told of a received message.

use std::collections::BTreeSet;

use fhir::Instant;
use serde_json::json;
use store::audit::{AuditOutcome, AuditRecord};

use crate::receipt::{Envelope, MessageOutcome};

/// The record of one message.
pub(crate) fn record(
    now: Instant,
    feed: &str,
    envelope: &Envelope,
    outcome: MessageOutcome,
    patients: &BTreeSet<String>,
) -> AuditRecord {
    let (audited, told) = match outcome {
        MessageOutcome::Stored => (AuditOutcome::Success, "stored"),
        MessageOutcome::Duplicate => (AuditOutcome::Success, "duplicate"),
        MessageOutcome::Quarantined => (AuditOutcome::Failure, "quarantined"),
    };
    AuditRecord {
        client_id: envelope.sender.clone(),
        request_id: envelope.request_id.clone(),
        source_address: envelope.source_address.clone(),
        feed: Some(feed.to_owned()),
        patients: patients.iter().cloned().collect(),
        detail: Some(json!({ "message": told })),
        ..AuditRecord::new(now, "feed", audited)
    }
}
