//! Arguments of the commands on records: `weir ingest`, `weir quarantine`, `weir person`, `weir opt-out`, `weir evidence`, `weir reindex`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::server::StoreArgs;

/// `weir ingest`.
#[derive(Debug, Args)]
pub struct IngestArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The feed.
    #[arg(long, value_name = "NAME", value_enum)]
    pub feed: FeedName,
    /// Files, or folders of files. Of NDJSON also `-`, the standard input; in its folders those named `.ndjson`, `.ndjson.gz` and `.ndjson.zst`.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Of NDJSON: where refused lines are written, as they came [default: rejects-TIME.ndjson in this folder]. It must not exist.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

/// The feeds by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FeedName {
    /// HL7 v2 messages, one or many a file.
    AcuteHl7v2,
    /// GP Connect structured records (FHIR STU3 Bundles).
    GpConnect,
    /// Adult social care client-level data (CSV).
    SocialCareCld,
    /// FHIR R4 resources, one a line, each stored under its own id; packed by gzip or zstd too.
    Ndjson,
}

impl FeedName {
    /// The name as it is written in configuration, in paths and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            FeedName::AcuteHl7v2 => "acute-hl7v2",
            FeedName::GpConnect => "gp-connect",
            FeedName::SocialCareCld => "social-care-cld",
            FeedName::Ndjson => ingest::ndjson::NDJSON_FEED,
        }
    }
}

/// `weir quarantine ...`.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Lists messages in quarantine with their first reason.
    List(StoreArgs),
    /// Prints every reason of one message, and the message itself with --message.
    Show(QuarantineShowArgs),
    /// Takes messages out of quarantine that will never be stored; their bytes are kept.
    Discard(QuarantineDiscardArgs),
    /// Runs messages again, all or the named ones, after a mapping or a setting has changed.
    Replay(ReplayArgs),
}

/// `weir quarantine show`.
#[derive(Debug, Args)]
pub struct QuarantineShowArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Key of the message, as `weir quarantine list` prints it.
    #[arg(value_name = "KEY")]
    pub key: i64,
    /// Print the message as it came as well: personal data, and recorded in the audit log.
    #[arg(long)]
    pub message: bool,
}

/// `weir quarantine discard`.
#[derive(Debug, Args)]
pub struct QuarantineDiscardArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Keys of messages, as `weir quarantine list` prints them.
    #[arg(value_name = "KEY", required = true)]
    pub keys: Vec<i64>,
}

/// `weir quarantine replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Keys of messages, as `weir quarantine list` prints them; all when none is given.
    #[arg(value_name = "KEY")]
    pub keys: Vec<i64>,
}

/// `weir person ...`.
#[derive(Debug, Subcommand)]
pub enum PersonCommand {
    /// Lists records that may be the same person and that a human must decide.
    Reviews(StoreArgs),
    /// Decides a review: the same person, or two; either way it leaves the list for good.
    Decide(DecideArgs),
    /// Makes two Patient records one person.
    Merge(MergeArgs),
    /// Takes a merge back.
    Unmerge(UnmergeArgs),
    /// Erases a Patient: every version of what is about nobody else, for good.
    ///
    /// What is about somebody else too stays and is named. The audit log keeps that it happened.
    Purge(PurgeArgs),
}

/// `weir person purge`.
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Logical id of the Patient.
    #[arg(value_name = "PATIENT")]
    pub patient: String,
    /// Erases; without it nothing is done.
    #[arg(long)]
    pub yes: bool,
}

/// `weir person decide`.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Key of the review, as `weir person reviews` prints it.
    #[arg(value_name = "KEY")]
    pub key: i64,
    /// The decision.
    #[arg(value_enum, value_name = "DECISION")]
    pub decision: Decision,
}

/// What somebody decided about two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Decision {
    /// One person: the records are linked.
    Same,
    /// Two persons: they stay apart.
    Different,
}

/// `weir person merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Logical id of the Patient whose person stays.
    #[arg(value_name = "SURVIVOR")]
    pub survivor: String,
    /// Logical id of the Patient that joins it.
    #[arg(value_name = "LOSER")]
    pub loser: String,
}

/// `weir person unmerge`.
#[derive(Debug, Args)]
pub struct UnmergeArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Logical id of the Patient that was merged away.
    #[arg(value_name = "PATIENT")]
    pub patient: String,
}

/// `weir opt-out ...`.
#[derive(Debug, Subcommand)]
pub enum OptOutCommand {
    /// Writes the NHS numbers that a release needs to standard output, in the national format.
    ///
    /// Send the file through MESH (workflow SPINE_NTT_UPHOLDING) and load what comes back with `weir opt-out load`.
    Request(StoreArgs),
    /// Loads an answer: the numbers that have NOT opted out. Whoever was asked for and is not in it is withheld.
    Load(OptOutLoadArgs),
}

/// `weir opt-out load`.
#[derive(Debug, Args)]
pub struct OptOutLoadArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The answer.
    #[arg(value_name = "ANSWER")]
    pub answer: PathBuf,
    /// The request that it answers, as `weir opt-out request` wrote it.
    #[arg(long, value_name = "FILE")]
    pub asked: PathBuf,
}

/// `weir evidence`.
#[derive(Debug, Args)]
pub struct EvidenceArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Id of the export job: the last part of its status URL.
    #[arg(value_name = "JOB")]
    pub job: String,
}

/// `weir reindex`.
#[derive(Debug, Args)]
pub struct ReindexArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Resource type, as Observation; again for each. Without it every type.
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
    /// Canonical URL of a SearchParameter; again for each. Without it all that do not find everything yet.
    #[arg(long = "parameter", value_name = "URL")]
    pub parameters: Vec<String>,
}
