//! The only place that picks an HTTP status. <https://hl7.org/fhir/R4/http.html#summary>

use actix_web::http::StatusCode;
use export::ExportError;
use fhir::Issue;
use ingest::IngestError;
use policy::Denied;
use smart::OAuthErrorCode;
use store::StoreError;
use terminology::CannotTell;

use crate::answer::Outcome;
use crate::failure::{Failure, Reason};

/// Seconds after which a caller may try again when the server is busy.
pub(crate) const RETRY_AFTER_S: u32 = 2;

impl Outcome {
    /// The status of a success.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Outcome::Ok => StatusCode::OK,
            Outcome::Created => StatusCode::CREATED,
            Outcome::NoContent => StatusCode::NO_CONTENT,
            Outcome::NotModified => StatusCode::NOT_MODIFIED,
            Outcome::Accepted => StatusCode::ACCEPTED,
            Outcome::Failed(reason) => reason.status(),
        }
    }
}

impl Reason {
    /// The status of a failure.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Reason::BadRequest => StatusCode::BAD_REQUEST,
            Reason::Unauthorised => StatusCode::UNAUTHORIZED,
            Reason::Denied | Reason::TooCostly => StatusCode::FORBIDDEN,
            Reason::NotFound => StatusCode::NOT_FOUND,
            Reason::Gone => StatusCode::GONE,
            Reason::NotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Reason::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Reason::Conflict => StatusCode::CONFLICT,
            Reason::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::Timeout => StatusCode::REQUEST_TIMEOUT,
            Reason::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Reason::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Reason::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Reason::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Reason::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Reason::Full => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

/// The status of an OAuth error. <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>
pub(crate) fn of_oauth_error(code: OAuthErrorCode) -> StatusCode {
    match code {
        OAuthErrorCode::InvalidClient => StatusCode::UNAUTHORIZED,
        OAuthErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        OAuthErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        OAuthErrorCode::InvalidRequest
        | OAuthErrorCode::InvalidGrant
        | OAuthErrorCode::UnauthorizedClient
        | OAuthErrorCode::UnsupportedGrantType
        | OAuthErrorCode::UnsupportedResponseType
        | OAuthErrorCode::InvalidScope
        | OAuthErrorCode::AccessDenied => StatusCode::BAD_REQUEST,
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        let issue = Issue::error("forbidden", denied.message).detail(denied.reason);
        Failure { reason: Reason::Denied, issues: vec![issue], denied: Some(denied.reason) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match error {
            StoreError::Denied(denied) => denied.into(),
            StoreError::Conflict(text) => Failure::new(Reason::PreconditionFailed, "conflict", text),
            StoreError::RuledOut(text) => Failure::new(Reason::PreconditionFailed, "duplicate", text),
            StoreError::NotFound(what) => Failure::new(Reason::NotFound, "not-found", format!("{what} is not known")),
            StoreError::Gone(what) => Failure::new(Reason::Gone, "deleted", format!("{what} was deleted")),
            StoreError::Invalid(text) => Failure::new(Reason::BadRequest, "invalid", text),
            StoreError::TooCostly(text) => Failure::new(Reason::TooCostly, "too-costly", text),
            StoreError::Rule(text) => Failure::new(Reason::Unprocessable, "business-rule", text),
            StoreError::Duplicate => Failure::new(Reason::Conflict, "duplicate", "this message was received before"),
            StoreError::Timeout(_) => {
                Failure::new(Reason::Unavailable, "too-costly", "the search took too long; narrow it")
            }
            StoreError::Full => {
                tracing::error!("the database is full");
                Failure::new(Reason::Full, "no-store", "there is no room to store anything")
            }
            StoreError::Busy | StoreError::Serialization | StoreError::Outdated => {
                Failure::new(Reason::Unavailable, "throttled", "the server is busy; try again")
            }
            StoreError::Unavailable(_) => {
                tracing::error!(%error, "the database is not available");
                Failure::new(Reason::Unavailable, "transient", "the database is not available; try again")
            }
            StoreError::TooNew(_) | StoreError::Corrupt(_) | StoreError::Database(_) => {
                tracing::error!(%error, "the store failed");
                Failure::internal()
            }
        }
    }
}

impl From<CannotTell> for Failure {
    fn from(error: CannotTell) -> Failure {
        let (reason, code) = match error {
            CannotTell::Unknown { .. } => (Reason::NotFound, "not-found"),
            CannotTell::NoProperty { .. } => (Reason::Unprocessable, "invalid"),
            CannotTell::NoCode { .. } => (Reason::NotFound, "code-invalid"),
            CannotTell::TooMany { .. }
            | CannotTell::Endless { .. }
            | CannotTell::TooCostly
            | CannotTell::TooManyWords { .. } => (Reason::Unprocessable, "too-costly"),
            CannotTell::NotComplete { .. } | CannotTell::Filter { .. } | CannotTell::NoSubsumption { .. } => {
                (Reason::Unprocessable, "not-supported")
            }
            CannotTell::Circle { .. } | CannotTell::OtherVersion { .. } => (Reason::Unprocessable, "business-rule"),
        };
        Failure::new(reason, code, error.to_string())
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Failure {
        match error {
            ExportError::NotFound => Failure::new(Reason::NotFound, "not-found", error.to_string()),
            ExportError::Denied(denied) => denied.into(),
            ExportError::TooMany => Failure::new(Reason::TooManyRequests, "throttled", error.to_string()),
            ExportError::Store(error) => error.into(),
            ExportError::File(error) => {
                tracing::error!(%error, "an export file could not be written or read");
                Failure::internal()
            }
        }
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Failure {
        match error {
            IngestError::UnknownFeed(_) | IngestError::UnknownMessage(_) => {
                Failure::new(Reason::NotFound, "not-found", error.to_string())
            }
            IngestError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_and_a_lost_database_are_for_a_moment() {
        for error in [StoreError::Busy, StoreError::Unavailable("gone".to_owned())] {
            let failure = Failure::from(IngestError::Store(error));
            assert_eq!(failure.reason.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    }
}
