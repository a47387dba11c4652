//! What a job keeps of its request: enough to decide again in the worker, since a grant cannot be stored.

use definitions::Definitions;
use fhir::Instant;
use policy::{Denied, Grant, Interaction, Principal, Purpose, Scopes, Subject, decide};
use serde::{Deserialize, Serialize};
use store::{Job, StoreError};

use crate::{ExportError, KickOff};

/// Types outside the Patient compartment that are exported when `_type` names them.
const SUPPORTING: [&str; 5] = ["Location", "Medication", "Organization", "Practitioner", "PractitionerRole"];

/// The request of a job, as JSON in its row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobRequest {
    pub(crate) types: Vec<String>,
    pub(crate) since_ms: Option<i64>,
    pub(crate) request_url: String,
    pub(crate) request_id: String,
    pub(crate) purpose: Purpose,
    /// `None` is open access.
    pub(crate) scopes: Option<String>,
}

impl JobRequest {
    /// Fixes the types that will be exported, and refuses what cannot be.
    pub(crate) fn new(ask: &KickOff, grant: &Grant, definitions: &Definitions) -> Result<JobRequest, Denied> {
        let reached = &grant.predicate().types;
        let is_compartment =
            |name: &str| name == "Patient" || !definitions.compartment_params("Patient", name).is_empty();
        for name in &ask.types {
            if !is_compartment(name) && !SUPPORTING.contains(&name.as_str()) {
                let message = format!("{name} is not of the patient compartment, so a patient export cannot hold it");
                return Err(Denied::new("type-not-exported", message));
            }
            if !reached.contains(name) {
                return Err(Denied::new("scope-missing", format!("the client's scopes do not cover {name}")));
            }
        }
        let mut types = ask.types.clone();
        if types.is_empty() {
            let all = definitions.resource_types().iter().map(ToString::to_string);
            types = all.filter(|name| is_compartment(name) && reached.contains(name)).collect();
        }
        types.sort_unstable();
        types.dedup();
        Ok(JobRequest {
            types,
            since_ms: ask.since.map(|since| since.0),
            request_url: ask.request_url.clone(),
            request_id: ask.request_id.clone(),
            purpose: grant.purpose(),
            scopes: ask.scopes.clone(),
        })
    }

    /// Reads it from its job.
    pub(crate) fn of(job: &Job) -> Result<JobRequest, StoreError> {
        serde_json::from_str(&job.request).map_err(|_| StoreError::Corrupt("the request of an export job".to_owned()))
    }

    /// Decides again, as at kick-off.
    pub(crate) fn decide(&self, client_id: &str) -> Result<Grant, ExportError> {
        let subject = match &self.scopes {
            None => Subject::OpenAccess,
            Some(scopes) => {
                let scopes =
                    Scopes::parse(scopes).map_err(|_| StoreError::Corrupt("the scopes of an export job".to_owned()))?;
                Subject::Principal(Principal::new(client_id, self.purpose, scopes))
            }
        };
        Ok(decide(&subject, Interaction::Export, None)?)
    }

    /// `_since` means after it; the store takes the first moment that counts.
    pub(crate) fn first_moment(&self) -> Option<Instant> {
        self.since_ms.map(|since| Instant(since.saturating_add(1)))
    }

    /// Whether the rules of secondary use decide who is in the export.
    pub(crate) fn needs_cohort(&self) -> bool {
        self.purpose != Purpose::DirectCare
    }
}
