//! The weir binary: configuration, wiring, subcommands.

pub mod cli;
pub mod command;
pub mod config;
mod data_lock;
pub mod demo;
pub mod logging;
mod ndjson_files;
pub mod package;
pub mod reindexer;
mod table;
mod terminology_server;
pub mod wiring;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use cli::{Cli, Command};

/// Runs one command and gives its exit code; an error is printed with its causes.
pub fn run(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("the runtime cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo(arguments) => return command::demo::run(arguments).await,
        Command::Ingest(arguments) => return command::ingest::run(arguments).await,
        Command::Validate(arguments) => return command::validate::run(&arguments).await,
        Command::Fhirpath(arguments) => return command::fhirpath::run(&arguments),
        Command::Check(arguments) => return command::check::run(&arguments).await,
        Command::Quarantine(command) => return command::quarantine::run(command).await,
        Command::Serve(arguments) => command::serve::run(&arguments).await?,
        Command::Client(command) => command::client::run(command).await?,
        Command::User(command) => command::user::run(command).await?,
        Command::OptOut(command) => command::opt_out::run(command).await?,
        Command::Evidence(arguments) => command::evidence::run(&arguments).await?,
        Command::Package(command) => command::package::run(command).await?,
        Command::Person(command) => command::person::run(command).await?,
        Command::Reindex(arguments) => command::reindex::run(&arguments).await?,
        Command::Migrate(arguments) => command::migrate::run(&arguments).await?,
        Command::Config => out(config::Config::default_text()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output; a reader that has gone (`| head`) is no error.
pub fn out(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "weir: {text}");
}
