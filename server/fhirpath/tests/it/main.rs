//! The language through its public API.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too"
)]

mod budget;
mod check;
mod evaluate;
mod patch;
mod rules;
mod shape;
mod suite;
