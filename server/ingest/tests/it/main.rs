//! The pipeline through its public doors, on each database that there is.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test fails by panicking, in its helpers too"
)]

mod labels;
mod linking;
mod messages;
mod mllp;
mod overload;
mod public_data;
mod refusals;
mod replay;
mod support;
