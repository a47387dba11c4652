//! The command line: stable, and `--help` of each command is complete.

mod access;
mod command;
mod definitions;
mod records;
mod server;

pub use access::{
    ClientAddArgs, ClientCommand, ClientKind, ClientPurpose, NamedArgs, UserAddArgs, UserCommand, UserRole,
};
pub use command::{Cli, Command};
pub use definitions::{
    FhirpathArgs, OutputFormat, PackageCommand, PackageInstallArgs, PackageRemoveArgs, ValidateArgs,
};
pub use records::{
    DecideArgs, Decision, EvidenceArgs, FeedName, IngestArgs, MergeArgs, OptOutCommand, OptOutLoadArgs, PersonCommand,
    PurgeArgs, QuarantineCommand, QuarantineDiscardArgs, QuarantineShowArgs, ReindexArgs, ReplayArgs, UnmergeArgs,
};
pub use server::{DemoArgs, ServeArgs, StoreArgs};
