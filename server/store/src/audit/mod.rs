//! The audit log: append-only, hash-chained, durable before anything leaves.
//!
//! [`Audit::append`] returns when the record is on disk. A thread of its own gathers the records that wait and writes them in
//! one transaction, so that under load many share one fsync. Whoever cannot append refuses the request: without its audit
//! record nothing is answered.

mod append;
mod chain;
mod log;
mod read;
mod record;
mod verify;

pub use chain::{CHAIN_START, ChainHash};
pub use log::Audit;
pub use read::{AuditFilter, AuditPage};
pub use record::{AuditEntry, AuditOutcome, AuditRecord};
pub use verify::{AuditVerified, ChainBreak, ChainFault};
