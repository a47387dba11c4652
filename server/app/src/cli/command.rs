//! The commands of `weir`.

use clap::{Parser, Subcommand};

use super::{
    ClientCommand, DemoArgs, EvidenceArgs, FhirpathArgs, IngestArgs, OptOutCommand, PackageCommand, PersonCommand,
    QuarantineCommand, ReindexArgs, ServeArgs, StoreArgs, UserCommand, ValidateArgs,
};

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
