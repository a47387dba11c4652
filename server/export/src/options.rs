//! What exports need.

use std::path::PathBuf;
use std::sync::Arc;

use definitions::Definitions;
use fhir::Instant;
use policy::SystemToken;
use search::Registry;
use store::Store;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Gives 32 random bytes.
pub type Random = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

/// The parts and settings of exports.
pub struct ExportOptions {
    /// Where the resources are.
    pub store: Store,
    /// Search parameters.
    pub registry: Arc<Registry>,
    /// Compartments.
    pub definitions: Arc<Definitions>,
    /// The time.
    pub clock: Clock,
    /// Randomness for job ids.
    pub random: Random,
    /// The right to gather the facts of a decision.
    pub token: SystemToken,
    /// Folder of the files.
    pub folder: PathBuf,
    /// Public URL of the FHIR API.
    pub base_url: String,
    /// ODS code of the controller, for the evidence.
    pub ods_code: String,
    /// Age at which an opt-out answer is stale.
    pub answer_age_max_hours: u64,
    /// Life of files.
    pub file_life_hours: u64,
    /// Largest file before the next is begun.
    pub file_bytes_max: u64,
}

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct KickOff {
    /// The client; only it sees the job.
    pub client_id: String,
    /// The scopes of its token, so that the worker can decide again; `None` is open access.
    pub scopes: Option<String>,
    /// The full URL of the request, for the manifest.
    pub request_url: String,
    /// `_type`; empty for all that the scopes cover.
    pub types: Vec<String>,
    /// `_since`.
    pub since: Option<Instant>,
    /// `X-Request-ID`.
    pub request_id: String,
}
