//! What is recorded of one access, and its one text that is hashed.

use fhir::Instant;
use serde::{Deserialize, Serialize};

use super::chain::ChainHash;
use crate::error::StoreError;

/// How an interaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutcome {
    /// It was done.
    Success,
    /// Policy refused it.
    Denied,
    /// It failed for another reason.
    Failure,
}

/// One access. Names, NHS numbers and search values have no place here: patients are named by logical id, query parameters by
/// their names alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When it happened.
    #[serde(with = "milliseconds")]
    pub recorded: Instant,
    /// The interaction, as policy spells it.
    pub interaction: String,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The user behind the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The purpose of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The ODS code of the client's organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The resource type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// The logical id of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Logical ids of the patients whose data it touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patients: Vec<String>,
    /// Names of the query parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<String>,
    /// The request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The conversation it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// The feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// Whatever else is worth keeping (break-glass reason, rule that denied, counts).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<serde_json::Value>,
}

impl AuditRecord {
    /// A record of an interaction with nothing else said yet.
    pub fn new(recorded: Instant, interaction: impl Into<String>, outcome: AuditOutcome) -> Self {
        Self {
            recorded,
            interaction: interaction.into(),
            outcome,
            client_id: None,
            user: None,
            purpose: None,
            organisation: None,
            type_name: None,
            id: None,
            patients: Vec::new(),
            query: Vec::new(),
            request_id: None,
            correlation_id: None,
            source_address: None,
            feed: None,
            detail: None,
        }
    }

    /// The text that is kept and hashed: JSON, members in the order of the fields, patients sorted and each once.
    pub(super) fn canonical(mut self) -> Result<(AuditRecord, Vec<u8>), StoreError> {
        self.patients.sort_unstable();
        self.patients.dedup();
        let has_nul = |text: &String| text.contains('\0');
        // PostgreSQL keeps no NUL in text; a column that differs from the record would look like tampering.
        if self.client_id.iter().chain(&self.patients).any(has_nul) {
            return Err(StoreError::Invalid("an audit record names a client or patient with a NUL".to_owned()));
        }
        let text = serde_json::to_vec(&self)
            .map_err(|error| StoreError::Invalid(format!("an audit record cannot be written: {error}")))?;
        Ok((self, text))
    }
}

/// A record as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place, from 1 without gaps.
    pub seq: u64,
    /// The record.
    pub record: AuditRecord,
    /// The hash over it and all before it.
    pub hash: ChainHash,
}

/// A moment as its number of milliseconds.
mod milliseconds {
    use fhir::Instant;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(moment: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(moment.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
        i64::deserialize(deserializer).map(Instant)
    }
}
