//! What can go wrong on the way out.

/// Why a call gave no answer. Messages name the host, never the query.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The text is not a URL of http or https.
    #[error("`{0}` is not an http or https URL")]
    NotAUrl(String),
    /// The host is, or resolves to, an address that must not be called.
    #[error("host `{0}` has a private, loopback or link-local address, which is not allowed")]
    Forbidden(String),
    /// The other side did not answer, or not in time.
    #[error("no answer from `{host}`: {reason}")]
    NoAnswer {
        /// The host.
        host: String,
        /// Whether it was the connection, the time or the protocol.
        reason: &'static str,
    },
    /// The answer is longer than allowed.
    #[error("the answer from `{host}` is longer than {limit_bytes} bytes")]
    TooLong {
        /// The host.
        host: String,
        /// The limit.
        limit_bytes: usize,
    },
    /// The client could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
}
