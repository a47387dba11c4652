//! What can go wrong with an export.

use policy::Denied;

/// Why an export was not begun, or its status or file not given.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no such job or file for this client.
    #[error("there is no such export")]
    NotFound,
    /// Policy refuses it: a missing or stale opt-out answer, a scope.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The client runs too many already.
    #[error("too many exports are running for this client; try again when one is done")]
    TooMany,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// A file could not be written or read.
    #[error("an export file could not be written or read: {0}")]
    File(#[from] std::io::Error),
}
