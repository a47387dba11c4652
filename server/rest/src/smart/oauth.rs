//! Answers of the endpoints that clients call: JSON, never cached. <https://www.rfc-editor.org/rfc/rfc6749#section-5>

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde_json::Value;
use smart::{OAuthError, OAuthErrorCode};
use store::StoreError;

use crate::failure::{Failure, Reason};
use crate::status;

/// Why a client gets no answer.
pub(super) enum Refusal {
    /// By the protocol.
    Protocol(OAuthError),
    /// By the state of the server or the form of the request.
    Failure(Failure),
}

impl Refusal {
    /// The error as the protocol names it.
    pub(super) fn error(&self) -> OAuthError {
        match self {
            Refusal::Protocol(error) => error.clone(),
            Refusal::Failure(failure) => {
                let code = match failure.reason {
                    Reason::BadRequest | Reason::TooLarge | Reason::Timeout | Reason::UnsupportedMediaType => {
                        OAuthErrorCode::InvalidRequest
                    }
                    Reason::Unavailable | Reason::Full => OAuthErrorCode::TemporarilyUnavailable,
                    _ => OAuthErrorCode::ServerError,
                };
                let text = failure.issues.first().map(|issue| issue.diagnostics.clone()).unwrap_or_default();
                OAuthError::new(code, text)
            }
        }
    }

    /// Answers.
    pub(super) fn respond(&self) -> HttpResponse {
        let error = self.error();
        let status = match self {
            Refusal::Failure(failure) if failure.reason == Reason::Timeout => failure.reason.status(),
            _ => status::of_oauth_error(error.code),
        };
        let mut response = json(status, &error.to_json());
        if error.is_basic_challenge {
            let challenge = header::HeaderValue::from_static("Basic realm=\"weir\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Refusal {
        Refusal::Protocol(error)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        Refusal::Failure(failure)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        Refusal::Failure(error.into())
    }
}

/// A JSON answer that holds secrets.
pub(super) fn json(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .content_type("application/json")
        .body(body.to_string())
}
