//! The validator: what others call.

use std::sync::Arc;

use definitions::Definitions;
use fhir::{Issue, Json};
use terminology::Terminology;

use crate::options::{AnsweredFacts, Options, Strictness, Verdict};
use crate::uk_core::PROFILE_PREFIX;
use crate::validated::Validated;

/// Holds resources against base R4 and profiles; each profile is compiled when it is first met.
#[derive(Debug)]
pub struct Validator {
    definitions: Arc<Definitions>,
    terminology: Arc<Terminology>,
}

impl Validator {
    /// Makes a validator over a table of definitions, UK Core and other packages laid over it.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let terminology = Arc::new(Terminology::new(Arc::clone(&definitions)));
        Self { definitions, terminology }
    }

    /// Gives the definitions that it validates against.
    #[must_use]
    pub fn definitions(&self) -> &Arc<Definitions> {
        &self.definitions
    }

    /// Gives the terminology that it asks.
    #[must_use]
    pub fn terminology(&self) -> &Arc<Terminology> {
        &self.terminology
    }

    /// Gives the url of the UK Core profile of a type.
    #[must_use]
    pub fn uk_core_profile_of(&self, type_name: &str) -> Option<&str> {
        let profile = self.definitions.profile(&format!("{PROFILE_PREFIX}{type_name}"))?;
        Some(profile.url.as_str())
    }

    /// Assesses a resource that somebody wants stored.
    #[must_use]
    pub fn validate(&self, resource: Json, options: &Options, _facts: &AnsweredFacts) -> Verdict {
        let issues = self.issues(&resource, options);
        let is_fatal = issues.iter().any(|issue| issue.severity == fhir::Severity::Fatal);
        let is_refused = options.strictness == Strictness::Reject && issues.iter().any(Issue::is_error);
        if is_fatal || is_refused {
            return Verdict::Refused(issues);
        }
        Verdict::Validated(Validated::new(resource, issues))
    }

    /// Lists what is wrong with a resource: for `$validate` and the command line.
    #[must_use]
    pub fn issues(&self, resource: &Json, options: &Options) -> Vec<Issue> {
        let _ = (resource, options);
        Vec::new()
    }
}
