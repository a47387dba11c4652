//! What can go wrong in the pipeline itself; what is wrong with a message is told in its receipt.

/// Why nothing could be said about the message: it was not kept.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// There is no such feed.
    #[error("feed `{0}` is not known")]
    UnknownFeed(String),
    /// There is no such message to replay.
    #[error("message {0} is not known")]
    UnknownMessage(i64),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}
