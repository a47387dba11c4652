//! `receive(feed, bytes)`: map, link, validate, store; quarantine and replay; the MLLP listener.

mod error;
pub mod mllp;
mod options;
mod pipeline;
mod receipt;

pub use error::IngestError;
pub use options::{Clock, IngestOptions, QuarantineCode, Strictnesses};
pub use pipeline::Ingest;
pub use receipt::{Envelope, MessageOutcome, MessageReceipt, Receipt};
