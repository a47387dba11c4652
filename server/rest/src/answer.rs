//! What an interaction answers, before it is HTTP.

use bytes::Bytes;
use fhir::Instant;

use crate::failure::Reason;

/// What happened, from which `status.rs` picks the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done.
    Ok,
    /// A resource was created.
    Created,
    /// Nothing to say.
    NoContent,
    /// The caller has this version.
    NotModified,
    /// Begun; the status is elsewhere.
    Accepted,
    /// What was begun before failed like that; the body is its OperationOutcome.
    Failed(Reason),
}

/// The answer of an interaction.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// What happened.
    pub outcome: Outcome,
    /// The body; empty when there is none.
    pub body: Bytes,
    /// The body is an OperationOutcome about what was done.
    pub is_outcome: bool,
    /// A file that is streamed as the body instead.
    pub file: Option<std::path::PathBuf>,
    /// Media type of the body.
    pub content_type: &'static str,
    /// Version, for ETag.
    pub version: Option<u64>,
    /// When that version was written, for Last-Modified.
    pub last_updated: Option<Instant>,
    /// Absolute URL, for Location.
    pub location: Option<String>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// What the audit record names.
    pub touched: Touched,
}

/// Which resources and patients an interaction touched.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touched {
    /// `Type/id` of the resources that were given or changed.
    pub resources: Vec<String>,
    /// Logical ids of the patients they are about.
    pub patients: Vec<String>,
    /// The job that was begun, or whose answer was given.
    pub job: Option<String>,
}

impl Touched {
    /// Notes a version that is given out.
    pub(crate) fn add(&mut self, facts: &policy::Facts) {
        self.resources.push(format!("{}/{}", facts.type_name, facts.id));
        for id in &facts.patient_ids {
            self.add_patient(id);
        }
    }

    /// Notes all that another interaction touched.
    pub(crate) fn join(&mut self, other: &Touched) {
        self.resources.extend(other.resources.iter().cloned());
        for id in &other.patients {
            self.add_patient(id);
        }
    }

    /// Notes what was written, whether or not the caller is given it.
    pub(crate) fn add_written(&mut self, written: &store::Written) {
        self.resources.push(format!("{}/{}", written.type_name, written.id));
        for id in &written.patients {
            self.add_patient(id);
        }
    }

    fn add_patient(&mut self, id: &str) {
        if !self.patients.iter().any(|known| known == id) {
            self.patients.push(id.to_owned());
        }
    }
}

/// Media type of FHIR JSON.
pub(crate) const FHIR_JSON: &str = "application/fhir+json";

impl Answer {
    /// An answer with a FHIR JSON body.
    pub(crate) fn json(outcome: Outcome, body: impl Into<Bytes>) -> Answer {
        Answer {
            outcome,
            body: body.into(),
            is_outcome: false,
            file: None,
            content_type: FHIR_JSON,
            version: None,
            last_updated: None,
            location: None,
            headers: Vec::new(),
            touched: Touched::default(),
        }
    }

    /// An answer without a body.
    pub(crate) fn empty(outcome: Outcome) -> Answer {
        Answer::json(outcome, Bytes::new())
    }

    /// An answer with an OperationOutcome.
    pub(crate) fn outcome(outcome: Outcome, issues: &[fhir::Issue]) -> Answer {
        Answer { is_outcome: true, ..Answer::json(outcome, fhir::operation_outcome(issues).to_string()) }
    }
}
