//! `receive(feed, bytes)`: map, link, validate, store; quarantine and replay; the MLLP listener; loads of NDJSON.

mod audit;
mod confidentiality;
mod error;
mod frame;
mod identity;
mod incoming;
mod known;
mod linking;
mod logical_id;
pub mod mllp;
pub mod ndjson;
mod options;
mod pipeline;
mod plan;
mod provenance;
mod receipt;
mod unmerge;

pub use error::IngestError;
pub use options::{Answerer, Clock, IngestOptions, QuarantineCode, Random, Strictnesses};
pub use pipeline::Ingest;
pub use receipt::{Envelope, MessageOutcome, MessageReceipt, Receipt, RefusedPart, UnitCounts};
