//! The refusal: what a caller is told when policy says no.

use thiserror::Error;

/// A refusal (403). The message says what would have to change and never holds patient data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Denied {
    /// A stable code, as `scope-missing`, for logs, audit and tests.
    pub reason: &'static str,
    /// What the person behind the client can act upon.
    pub message: String,
}

impl Denied {
    /// Makes a refusal.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Denied {
        Denied { reason, message: message.into() }
    }
}
