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
    /// What the source held and what became of it, by the source's own kinds: `ADT^A01`, an STU3 type, `service`.
    pub units: BTreeMap<String, UnitCounts>,
    /// What is kept in quarantine, and why.
    pub refusals: Vec<RefusedPart>,
    /// What was said about it.
    pub issues: Vec<Issue>,
    /// `Type/id` of what was written.
    pub resources: Vec<String>,
    /// Each message on its own, in order.
    pub each: Vec<MessageReceipt>,
}

/// Things of the source (HL7 messages, entries of a GP record, rows of a CSV file) by what became of them. Each thing received
/// is counted once more: as stored, outdated, duplicate or quarantined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitCounts {
    /// In the source.
    pub received: u64,
    /// Stored.
    pub stored: u64,
    /// Left out, because newer facts are stored.
    pub outdated: u64,
    /// Received before.
    pub duplicates: u64,
    /// Kept in quarantine.
    pub quarantined: u64,
}

/// A part of a delivery that is kept in quarantine.
#[derive(Debug, Clone)]
pub struct RefusedPart {
    /// Which part of its message, as `line-7`; none for a whole message.
    pub part: Option<String>,
    /// Why: a stable code.
    pub code: &'static str,
    /// Why, in words.
    pub issues: Vec<Issue>,
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

impl Receipt {
    /// All kinds together.
    pub fn total(&self) -> UnitCounts {
        let mut total = UnitCounts::default();
        self.units.values().for_each(|counts| total.add(*counts));
        total
    }
}

impl UnitCounts {
    /// Adds others to these.
    pub fn add(&mut self, other: UnitCounts) {
        self.received += other.received;
        self.stored += other.stored;
        self.outdated += other.outdated;
        self.duplicates += other.duplicates;
        self.quarantined += other.quarantined;
    }

    /// Of a message that was received before: what is not in quarantine is a duplicate.
    pub(crate) fn received_before(self) -> UnitCounts {
        let duplicates = self.received.saturating_sub(self.quarantined);
        UnitCounts { stored: 0, outdated: 0, duplicates, ..self }
    }
}
