//! What became of what was received.

use std::collections::BTreeMap;

use fhir::Issue;

/// What is known of a delivery besides its bytes.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    /// The authenticated client; none for MLLP and files, whose messages name their sender themselves.
    pub sender: Option<String>,
    /// `X-Request-ID`.
    pub request_id: Option<String>,
    /// The peer's address.
    pub source_address: Option<String>,
}

/// What became of a delivery: a file may hold many messages.
#[derive(Debug, Clone, Default)]
pub struct Receipt {
    /// Messages in it.
    pub messages: u64,
    /// Messages of which everything was stored.
    pub stored_messages: u64,
    /// Messages that were received before; nothing was changed.
    pub duplicates: u64,
    /// Messages (or rows, or entries) that are kept in quarantine.
    pub quarantined: u64,
    /// Resources written, by type.
    pub stored: BTreeMap<String, u64>,
    /// Things in the source, by their kind.
    pub source_counts: BTreeMap<String, u64>,
    /// What was said about it.
    pub issues: Vec<Issue>,
    /// `Type/id` of what was written.
    pub resources: Vec<String>,
    /// Each message on its own, in order.
    pub each: Vec<MessageReceipt>,
}

/// What became of one message.
#[derive(Debug, Clone)]
pub struct MessageReceipt {
    /// The outcome.
    pub outcome: MessageOutcome,
    /// What was said about it.
    pub issues: Vec<Issue>,
}

/// The outcome of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageOutcome {
    /// Durably stored.
    Stored,
    /// Received before.
    Duplicate,
    /// Durably kept, not stored.
    Quarantined,
}
