//! What the pipeline needs.

use std::pin::Pin;
use std::sync::Arc;

use fhir::Instant;
use policy::SystemToken;
use profiles::{AnsweredFacts, InForce, Question, Strictness};
use search::Registry;
use store::Store;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Gives 32 random bytes.
pub type Random = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

/// Finds out what a validation asks of codes; what nobody was asked has no entry.
pub type Answerer = Arc<dyn Fn(Vec<Question>) -> Pin<Box<dyn Future<Output = AnsweredFacts> + Send>> + Send + Sync>;

/// The parts and settings of the pipeline.
pub struct IngestOptions {
    /// Where it all goes.
    pub store: Store,
    /// Search parameters, for looking up people.
    pub registry: Arc<Registry>,
    /// Profiles, those in force.
    pub validators: Arc<InForce>,
    /// Who answers what validation asks, if anybody can.
    pub answerer: Option<Answerer>,
    /// The time.
    pub clock: Clock,
    /// Where the secret behind logical ids comes from.
    pub random: Random,
    /// The right to write what feeds send and to link it.
    pub token: SystemToken,
    /// ODS code of the organisation that runs this server.
    pub ods_code: String,
    /// What must hold, by feed.
    pub strictness: Strictnesses,
    /// How a message in quarantine is acknowledged over MLLP.
    pub quarantine_code: QuarantineCode,
}

/// What must hold for a message to be stored, by feed.
#[derive(Debug, Clone, Copy)]
pub struct Strictnesses {
    /// HL7 v2.
    pub acute_hl7v2: Strictness,
    /// GP Connect.
    pub gp_connect: Strictness,
    /// Client-level data.
    pub social_care_cld: Strictness,
}

/// The acknowledgement of a message that is kept in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuarantineCode {
    /// AE: the sender learns that a human must look.
    Error,
    /// AA: for senders that repeat an AE for ever.
    Accept,
}
