//! The audit log: append-only, hash-chained, durable before anything leaves.
//!
//! [`Audit::append`] returns when the record is on disk. A thread of its own gathers the records that wait and writes them together, so
//! that under load many share one fsync: on PostgreSQL into the tables, on SQLite into a journal, from which another thread moves them
//! into the tables. Whoever cannot append refuses the request: without its audit
//! record nothing is answered.

mod absorb;
mod append;
mod chain;
mod journal;
mod log;
mod read;
mod record;
mod table;
mod verify;

pub use chain::{CHAIN_START, ChainHash};
pub use log::Audit;
pub use read::{AuditFilter, AuditPage};
pub use record::{AuditEntry, AuditOutcome, AuditRecord};
pub use verify::{AuditVerified, ChainBreak, ChainFault};
