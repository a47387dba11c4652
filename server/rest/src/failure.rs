//! Why an interaction did not happen. Which HTTP status that is, only `status.rs` says.

use fhir::Issue;
use serde::{Deserialize, Serialize};

/// The kind of a failure, by what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reason {
    /// The request cannot be read.
    BadRequest,
    /// No valid credentials.
    Unauthorised,
    /// Policy says no.
    Denied,
    /// There is nothing there for this caller.
    NotFound,
    /// It was deleted.
    Gone,
    /// The interaction is not offered there.
    NotAllowed,
    /// The format is not offered.
    NotAcceptable,
    /// The state of the resource does not allow it.
    Conflict,
    /// A condition of the request does not hold.
    PreconditionFailed,
    /// The body or the Bundle is too large.
    TooLarge,
    /// The request would take more than one may ask for.
    TooCostly,
    /// The body did not come in time.
    Timeout,
    /// The media type of the body is not understood.
    UnsupportedMediaType,
    /// The resource is not valid, or breaks a rule of the server.
    Unprocessable,
    /// Too many attempts.
    TooManyRequests,
    /// Our fault.
    Internal,
    /// For a moment; try again.
    Unavailable,
    /// There is no room to store anything.
    Full,
}

/// A failure with what is said about it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The kind.
    pub reason: Reason,
    /// What the OperationOutcome says; at least one issue.
    pub issues: Vec<Issue>,
    /// Policy's stable reason, for the audit record.
    pub denied: Option<&'static str>,
}

impl Failure {
    /// A failure with one issue.
    pub(crate) fn new(reason: Reason, code: &'static str, diagnostics: impl Into<String>) -> Failure {
        Failure { reason, issues: vec![Issue::error(code, diagnostics)], denied: None }
    }

    /// A failure with several issues.
    pub(crate) fn with_issues(reason: Reason, issues: Vec<Issue>) -> Failure {
        Failure { reason, issues, denied: None }
    }

    /// The request cannot be read.
    pub(crate) fn bad_request(code: &'static str, diagnostics: impl Into<String>) -> Failure {
        Failure::new(Reason::BadRequest, code, diagnostics)
    }

    /// There is no such resource for this caller.
    pub(crate) fn not_found(type_name: &str, id: &str) -> Failure {
        Failure::new(Reason::NotFound, "not-found", format!("there is no {type_name}/{id}"))
    }

    /// The resource was deleted.
    pub(crate) fn gone(type_name: &str, id: &str) -> Failure {
        Failure::new(Reason::Gone, "deleted", format!("{type_name}/{id} was deleted"))
    }

    /// Our fault; the log holds what happened under the request's id.
    pub(crate) fn internal() -> Failure {
        Failure::new(
            Reason::Internal,
            "exception",
            "an error of this server; its log tells more under this X-Request-ID",
        )
    }
}

impl Failure {
    /// Says where in the request; an expression that is there already goes below it.
    #[must_use]
    pub(crate) fn at(mut self, expression: &str) -> Failure {
        for issue in &mut self.issues {
            let inner = issue.expression.take();
            issue.expression = Some(match inner {
                Some(inner) => format!("{expression}.resource.{}", inner.split_once('.').map_or("", |(_, rest)| rest)),
                None => expression.to_owned(),
            });
        }
        self
    }
}
