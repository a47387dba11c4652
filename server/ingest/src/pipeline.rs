//! The pipeline.

use bytes::Bytes;

use crate::{Envelope, IngestError, IngestOptions, Receipt};

/// The pipeline from bytes to stored resources.
pub struct Ingest {
    _options: IngestOptions,
}

impl Ingest {
    /// Puts the parts together.
    pub fn new(options: IngestOptions) -> Ingest {
        Ingest { _options: options }
    }

    /// Receives a delivery; when it returns, everything in it is durably stored or durably in quarantine.
    pub async fn receive(&self, feed: &str, _bytes: Bytes, _envelope: Envelope) -> Result<Receipt, IngestError> {
        Err(IngestError::UnknownFeed(feed.to_owned()))
    }

    /// Runs a kept message again.
    pub async fn replay(&self, message_key: i64) -> Result<Receipt, IngestError> {
        Err(IngestError::UnknownMessage(message_key))
    }
}
