//! Arguments of the commands on definitions: `weir validate`, `weir fhirpath`, `weir package`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::server::StoreArgs;

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
    /// Asks the terminology server that is configured (terminology.server_url) about codes that are not known here.
    #[arg(long)]
    pub ask_terminology_server: bool,
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

/// Output for people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A line an issue.
    Text,
    /// A JSON array with an OperationOutcome a file.
    Json,
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
