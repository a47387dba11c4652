//! Errors: those that OAuth names and tells the client, and those of registration.

use serde_json::{Value, json};
use std::fmt;
use thiserror::Error;

/// The error codes of RFC 6749 sections 4.1.2.1 and 5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OAuthErrorCode {
    /// The request is malformed.
    InvalidRequest,
    /// The client did not prove who it is.
    InvalidClient,
    /// The code or refresh token does not hold.
    InvalidGrant,
    /// The client may not use this flow.
    UnauthorizedClient,
    /// The grant type is not one of ours.
    UnsupportedGrantType,
    /// The response type is not `code`.
    UnsupportedResponseType,
    /// Nothing of the scope may be granted.
    InvalidScope,
    /// The person said no.
    AccessDenied,
    /// Our fault.
    ServerError,
    /// Try later.
    TemporarilyUnavailable,
}

impl OAuthErrorCode {
    /// Returns the code as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            OAuthErrorCode::InvalidRequest => "invalid_request",
            OAuthErrorCode::InvalidClient => "invalid_client",
            OAuthErrorCode::InvalidGrant => "invalid_grant",
            OAuthErrorCode::UnauthorizedClient => "unauthorized_client",
            OAuthErrorCode::UnsupportedGrantType => "unsupported_grant_type",
            OAuthErrorCode::UnsupportedResponseType => "unsupported_response_type",
            OAuthErrorCode::InvalidScope => "invalid_scope",
            OAuthErrorCode::AccessDenied => "access_denied",
            OAuthErrorCode::ServerError => "server_error",
            OAuthErrorCode::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }
}

impl fmt::Display for OAuthErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error that the client is told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {description}")]
pub struct OAuthError {
    /// The code.
    pub code: OAuthErrorCode,
    /// What a developer can act upon; never a secret and never patient data.
    pub description: String,
    /// Whether the client tried HTTP Basic, so that the answer is 401 with `WWW-Authenticate: Basic` (RFC 6749 section 5.2).
    pub is_basic_challenge: bool,
}

impl OAuthError {
    /// Makes an error.
    pub fn new(code: OAuthErrorCode, description: impl Into<String>) -> OAuthError {
        OAuthError { code, description: description.into(), is_basic_challenge: false }
    }

    /// Returns the JSON body of a token endpoint's answer.
    pub fn to_json(&self) -> Value {
        json!({ "error": self.code.as_str(), "error_description": self.description })
    }

    pub(crate) fn request(description: impl Into<String>) -> OAuthError {
        OAuthError::new(OAuthErrorCode::InvalidRequest, description)
    }

    pub(crate) fn client(description: impl Into<String>) -> OAuthError {
        OAuthError::new(OAuthErrorCode::InvalidClient, description)
    }

    pub(crate) fn grant(description: impl Into<String>) -> OAuthError {
        OAuthError::new(OAuthErrorCode::InvalidGrant, description)
    }

    pub(crate) fn scope(description: impl Into<String>) -> OAuthError {
        OAuthError::new(OAuthErrorCode::InvalidScope, description)
    }
}

/// An error outside the protocol: registration and passwords.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SmartError {
    /// A registration that cannot work or is not safe.
    #[error("client registration: {0}")]
    Registration(String),
    /// A key set that cannot be used.
    #[error("key set: {0}")]
    KeySet(String),
    /// A password that is too short or a hash that cannot be made.
    #[error("password: {0}")]
    Password(String),
}
