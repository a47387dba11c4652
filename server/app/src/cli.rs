//! The command line: stable, and `--help` of each command is complete.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A FHIR R4 interoperability server for the NHS.
///
/// GP, acute and social-care feeds flow in and become UK Core resources; apps read them by SMART on FHIR, analysts by bulk export with consent
/// and the national data opt-out applied. Start with `weir demo`.
#[derive(Debug, Parser)]
#[command(name = "weir", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows the whole way through on synthetic patients, then stays up.
    Demo(DemoArgs),
    /// Runs the server until it is asked to stop (SIGINT or SIGTERM).
    Serve(ServeArgs),
    /// Sends files or folders through a feed, as if they had come over the network, or loads FHIR R4 resources (`--feed ndjson`).
    ///
    /// Prints a table of what was stored by type. Exit code 1 if anything went to quarantine, or a resource was refused.
    Ingest(IngestArgs),
    /// Checks resources against R4 and UK Core; one OperationOutcome a file. Exit code 1 on errors.
    Validate(ValidateArgs),
    /// Evaluates a FHIRPath expression, on a resource or without one.
    ///
    /// Prints the results as a JSON array: dates and times as ISO text, quantities as {"value","unit"}, elements and resources as FHIR JSON. Exit code 1
    /// on an error, which is told with its place in the expression. What `trace()` is given goes to standard error.
    ///
    /// An expression that can mean nothing on the type of the resource is an error: a name that no element there has, `as` on many items, the order of
    /// children. --lenient evaluates it all the same.
    ///
    /// Examples:
    ///   weir fhirpath "name.where(use = 'official').given.first()" patient.json
    ///   weir fhirpath "1 '[lb_av]' > 400 'g'"
    ///   curl -s https://example.org/fhir/Patient/1 | weir fhirpath birthDate -
    ///   weir fhirpath --batch < questions.ndjson
    ///       {"id":1,"expression":"name.family","resource":"patient.xml"} gives {"id":1,"result":["Ash"]}
    ///       {"id":2,"expression":"nam","resource":"patient.xml"} gives {"id":2,"error":"offset 0: ..."}
    #[command(verbatim_doc_comment)]
    Fhirpath(FhirpathArgs),
    /// Registers apps and services.
    #[command(subcommand)]
    Client(ClientCommand),
    /// Registers people who log in.
    #[command(subcommand)]
    User(UserCommand),
    /// Asks for, and loads, national data opt-outs.
    #[command(subcommand, name = "opt-out")]
    OptOut(OptOutCommand),
    /// Prints the controller's evidence of an export: who was withheld, by which rule, on which answer.
    Evidence(EvidenceArgs),
    /// Shows what is in quarantine, and runs it again.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Installs, lists and removes FHIR packages: profiles, value sets, code systems and concept maps beside those that are built in.
    #[command(subcommand)]
    Package(PackageCommand),
    /// Shows and decides who is who: the review list, merges and their undoing.
    #[command(subcommand)]
    Person(PersonCommand),
    /// Indexes resources that were here before a search parameter came, as `POST [base]/$reindex` does.
    ///
    /// Stopped or killed, it goes on where it was; the server may run meanwhile.
    Reindex(ReindexArgs),
    /// Brings the database to this version; `serve` does it too.
    Migrate(StoreArgs),
    /// Proves that the store is whole: index rows match resources, histories are unbroken, the audit log's chain holds. Exit code 1 if not.
    Check(StoreArgs),
    /// Prints every setting with its default.
    Config,
}

/// Where the data are and which settings hold.
#[derive(Debug, Clone, Default, Args)]
pub struct StoreArgs {
    /// Settings file (TOML). `weir config` prints every setting with its default.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the embedded databases and of export files [default: ./weir-data].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// PostgreSQL instead of the embedded database, as postgres://user:password@host/database.
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
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

/// `weir serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Address and port of the HTTP server [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Address and port of the HL7 v2 listener; without it none is started.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub mllp: Option<SocketAddr>,
    /// Serve everything without a token. Refused unless the server listens on loopback.
    #[arg(long)]
    pub open_access: bool,
}

/// `weir demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the demo's data; must be new or empty [default: a fresh temporary folder].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address and port of the HTTP server.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Check the numbers of the summary and leave instead of staying up. For CI.
    #[arg(long)]
    pub check: bool,
}

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

/// `weir validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Canonical URL of a profile to check as well; may be given several times.
    #[arg(long, value_name = "URL")]
    pub profile: Vec<String>,
    /// Definitions for this run: a file (JSON or XML) of a profile, extension, value set, code system, questionnaire, measure or a Bundle of
    /// them, a package (.tgz), or the folder of one; may be given several times.
    #[arg(long = "with", value_name = "PATH")]
    pub with: Vec<PathBuf>,
    /// Judges with the packages that are installed in the store, too.
    #[arg(long)]
    pub installed: bool,
    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Holds each resource against the UK Core profile of its type, though it does not claim it.
    #[arg(long)]
    pub uk_core: bool,
    /// Gives best-practice advice, too.
    #[arg(long)]
    pub advice: bool,
    /// Says which elements that a profile marks as must-support are not there.
    #[arg(long)]
    pub must_support: bool,
    /// Refuses urls at the hosts that are kept for examples, as example.org.
    #[arg(long)]
    pub refuse_example_urls: bool,
    /// Takes JSON with comments: // to the end of the line, and /* between */.
    #[arg(long)]
    pub allow_comments: bool,
    /// Passes over contained resources.
    #[arg(long)]
    pub skip_contained: bool,
    /// Where extensions begin that may be unknown, as https://fhir.nhs.uk/StructureDefinition; may be given several times.
    #[arg(long = "extension-domain", value_name = "URL")]
    pub extension_domains: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    pub format: OutputFormat,
    /// Files (JSON or XML), or folders of them.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// `weir fhirpath`.
#[derive(Debug, Args)]
pub struct FhirpathArgs {
    /// The expression.
    #[arg(
        value_name = "EXPR",
        required_unless_present = "batch",
        conflicts_with = "batch",
        allow_hyphen_values = true
    )]
    pub expression: Option<String>,
    /// The resource that it is asked about, JSON or XML; `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Read questions from standard input, a JSON object with id, expression and resource (a path, or null) a line, and answer each with a line of its own.
    ///
    /// A question that cannot be answered stops none of the others; exit code 0.
    #[arg(long)]
    pub batch: bool,
    /// Evaluate also what can mean nothing on the type of the resource.
    #[arg(long)]
    pub lenient: bool,
}

/// Output for people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A line an issue.
    Text,
    /// A JSON array with an OperationOutcome a file.
    Json,
}

/// `weir client ...`.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Registers a SMART client and prints its id, and its secret if it has one (shown once).
    Add(ClientAddArgs),
    /// Lists the clients.
    List(StoreArgs),
    /// Stops a client at once: it gets no more tokens, and those it has are refused.
    Disable(NamedArgs),
}

/// A thing by its name or id.
#[derive(Debug, Args)]
pub struct NamedArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Client id, or login name.
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// `weir client add`.
#[derive(Debug, Args)]
pub struct ClientAddArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Name that people see on the consent page.
    #[arg(long)]
    pub name: String,
    /// Client id; made up when left out.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// How the client proves who it is.
    #[arg(long, value_enum)]
    pub kind: ClientKind,
    /// Public keys of an asymmetric client: a JWKS file or its https URL.
    #[arg(long, value_name = "FILE|URL", required_if_eq("kind", "asymmetric"))]
    pub jwks: Option<String>,
    /// Scopes that the client may ask for, separated by spaces, as "patient/*.rs launch/patient".
    #[arg(long, value_name = "SCOPES")]
    pub scope: String,
    /// Where the browser goes after consent; must match exactly. May be given several times.
    #[arg(long, value_name = "URL")]
    pub redirect_uri: Vec<String>,
    /// Web origin from which a browser app calls, as https://app.example.
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
    /// ODS code of the organisation that runs the client [default: the controller's]. A sender of a feed may send that organisation's records only;
    /// the controller's own may send any.
    #[arg(long, value_name = "CODE")]
    pub ods_code: Option<String>,
    /// What the client is for. Without a purpose there is no token.
    #[arg(long, value_enum)]
    pub purpose: ClientPurpose,
}

/// How a client authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientKind {
    /// Cannot keep a secret: a browser or mobile app.
    Public,
    /// Shares a secret, which Weir makes and prints once.
    Symmetric,
    /// Signs with its own key (private_key_jwt); needed for backend services.
    Asymmetric,
}

/// The purpose of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientPurpose {
    /// Individual care.
    DirectCare,
    /// Research and planning: reaches its own exports and nothing else.
    SecondaryUse,
    /// Running the server: nothing clinical.
    Administration,
}

/// `weir user ...`.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Registers a login. The password is asked for, or read from the first line of standard input when that is no terminal.
    Add(UserAddArgs),
    /// Gives a login another password, read as for `add`; a lock after wrong passwords is lifted.
    Password(NamedArgs),
    /// Lists the logins.
    List(StoreArgs),
    /// Stops a login at once: its sessions and tokens are refused.
    Disable(NamedArgs),
}

/// `weir user add`.
#[derive(Debug, Args)]
pub struct UserAddArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Login name.
    #[arg(long)]
    pub name: String,
    /// What the person is.
    #[arg(long, value_enum)]
    pub role: UserRole,
    /// Logical id of the Patient that a patient login belongs to; may be given several times for a proxy.
    #[arg(long, value_name = "ID", required_if_eq("role", "patient"))]
    pub patient: Vec<String>,
    /// Reference to the person's own resource, as Practitioner/123.
    #[arg(long, value_name = "REFERENCE")]
    pub fhir_user: Option<String>,
}

/// The role of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UserRole {
    /// May open any patient's record, within the client's scopes.
    Clinician,
    /// May open the named patients' records only.
    Patient,
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

/// `weir package ...`.
#[derive(Debug, Subcommand)]
pub enum PackageCommand {
    /// Installs packages, all or none; a running server has them within seconds.
    ///
    /// A package wins over what is built in. Of the versions of one package the newest is meant unless a version is named.
    Install(PackageInstallArgs),
    /// Lists the installed packages.
    List(StoreArgs),
    /// Removes a package that no other needs.
    Remove(PackageRemoveArgs),
}

/// `weir package install`.
#[derive(Debug, Args)]
pub struct PackageInstallArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// A package file (.tgz); a folder of a package, or of loose resources in JSON or XML; or NAME@VERSION, which comes with what it needs from the
    /// registry of the setting outbound.package_registry.
    #[arg(value_name = "FILE|FOLDER|NAME@VERSION", required = true)]
    pub sources: Vec<String>,
}

/// `weir package remove`.
#[derive(Debug, Args)]
pub struct PackageRemoveArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The package, as `weir package list` prints it.
    #[arg(value_name = "NAME@VERSION")]
    pub package: String,
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_has_help() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments().filter(|a| a.get_id() != "help" && a.get_id() != "version") {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
