//! The store through its public API, on SQLite and, where `WEIR_TEST_DATABASE_URL` names one, on PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking, in its helpers too"
)]

mod access;
mod audit;
mod audit_journal;
mod control;
mod crud;
mod index_row;
mod jobs;
mod matching;
mod messages;
mod opt_out;
mod paging;
mod person;
mod private_files;
mod reviews;
mod scan;
mod search_type;
mod support;
