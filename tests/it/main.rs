//! Weir through its front door, on SQLite and, where `WEIR_TEST_DATABASE_URL` names one, on PostgreSQL: one module per interaction or concern.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod read;
