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

    /// A body that cannot be read, or is not read because it nests too deep, which is not its grammar's fault.
    pub(crate) fn unread(issue: Issue) -> Failure {
        let reason = if issue.code == "too-costly" { Reason::Unprocessable } else { Reason::BadRequest };
        Failure::with_issues(reason, vec![issue])
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

/// What an expression begins with that names a header or a query parameter: <https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.location>.
const HTTP: &str = "http.";

impl Failure {
    /// A query parameter that cannot be taken.
    pub(crate) fn bad_param(name: &str, code: &'static str, diagnostics: impl Into<String>) -> Failure {
        Failure::bad_request(code, diagnostics).of_param(name)
    }

    /// A header that cannot be taken.
    pub(crate) fn bad_header(name: &str, code: &'static str, diagnostics: impl Into<String>) -> Failure {
        Failure::bad_request(code, diagnostics).of_header(name)
    }

    /// Says that it is a header's.
    #[must_use]
    pub(crate) fn of_header(self, name: &str) -> Failure {
        self.in_http(name, "header")
    }

    /// Says that it is a query parameter's.
    #[must_use]
    pub(crate) fn of_param(self, name: &str) -> Failure {
        self.in_http(name, "parameter")
    }

    fn in_http(mut self, name: &str, what: &str) -> Failure {
        // A wrong name could be a value that lost its name.
        let is_plain =
            name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-:.".contains(&byte));
        for issue in &mut self.issues {
            let problem = if issue.code == "not-supported" { "not-supported" } else { "invalid" };
            issue.detail.get_or_insert_with(|| format!("{what}-{problem}"));
            issue.expression = is_plain.then(|| format!("{HTTP}{name}"));
        }
        self
    }

    /// Says that it is an element's, where nothing more exact is said.
    #[must_use]
    pub(crate) fn of_element(mut self, expression: &str) -> Failure {
        for issue in &mut self.issues {
            issue.expression.get_or_insert_with(|| expression.to_owned());
        }
        self
    }

    /// Whether it is one of an element of a resource.
    pub(crate) fn is_of_element(&self) -> bool {
        let mut expressions = self.issues.iter().filter_map(|issue| issue.expression.as_deref());
        expressions.any(|expression| !expression.starts_with(HTTP))
    }

    /// Says where in the request; an expression that is there already goes below it.
    #[must_use]
    pub(crate) fn at(mut self, expression: &str) -> Failure {
        for issue in &mut self.issues {
            // In a Bundle a condition or a criterion is the entry's, not a header or a parameter of the request.
            let inner = issue.expression.take().filter(|inner| !inner.starts_with(HTTP));
            issue.expression = Some(match inner {
                Some(inner) => format!("{expression}.resource.{}", inner.split_once('.').map_or("", |(_, rest)| rest)),
                None => expression.to_owned(),
            });
        }
        self
    }
}
