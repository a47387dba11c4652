//! The `weir` binary as people run it: its command line, and what it keeps when it is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod acknowledged;
mod cli_fhirpath;
mod cli_help;
mod cli_ingest;
mod cli_package;
mod cli_package_hostile;
mod cli_people;
mod cli_serve;
mod cli_store;
mod cli_validate;
mod disk_full;
mod kill;
mod kill_senders;
mod kill_store;
mod package_cases;
mod place;
mod server;
