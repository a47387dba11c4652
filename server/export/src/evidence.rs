//! What the controller keeps of each export: who got how much, and what was withheld by which rule.

use std::collections::BTreeMap;

use fhir::Instant;
use serde::{Deserialize, Serialize};

/// The evidence of one finished export. For the controller; never for the client, to whom small counts would be an oracle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportEvidence {
    /// The client that asked.
    pub client_id: String,
    /// The purpose for which the client is registered.
    pub purpose: String,
    /// The full URL of the request.
    pub request: String,
    /// `X-Request-ID` of the request.
    pub request_id: String,
    /// ODS code of the controller.
    pub ods_code: String,
    /// The types that were exported.
    pub types: Vec<String>,
    /// The state that was exported.
    pub transaction_time: String,
    /// When the job ended.
    pub finished: String,
    /// Persons in the export.
    pub persons_released: u64,
    /// Persons of these without the data that came from general practice.
    pub without_general_practice: u64,
    /// Persons left out, by rule.
    pub withheld_by_rule: BTreeMap<String, u64>,
    /// Resources of released persons that were left out because they mention somebody who is not in the export.
    #[serde(default)]
    pub resources_mentioning_others: u64,
    /// Resources in the files, by type.
    pub resources: BTreeMap<String, u64>,
    /// Whether the national data opt-out applied.
    pub opt_out_applied: bool,
    /// The opt-out request whose answer decided.
    pub opt_out_request: Option<String>,
    /// When that request was made.
    pub asked_at: Option<String>,
    /// When its answer was loaded.
    pub answered_at: Option<String>,
    /// Full hours from the request to the decision: the answer may be as old as that.
    pub answer_age_hours: Option<u64>,
    /// Numbers asked about.
    pub asked: Option<u64>,
    /// Numbers that came back as not opted out.
    pub returned: Option<u64>,
}

/// Full hours between two moments.
pub(crate) fn hours_between(earlier: Instant, later: Instant) -> u64 {
    u64::try_from(later.0.saturating_sub(earlier.0) / 3_600_000).unwrap_or_default()
}
