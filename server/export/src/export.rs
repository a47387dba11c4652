//! The export service.

use std::path::PathBuf;
use std::sync::Arc;

use policy::Grant;

use crate::{ExportError, ExportEvidence, ExportOptions, JobStatus, KickOff};

/// Bulk exports of one server.
pub struct Export {
    pub(crate) options: ExportOptions,
}

/// The task that runs jobs.
pub struct Worker;

impl Worker {
    /// Lets the file in hand finish, gives the job back, and returns.
    pub async fn stop(self) {}
}

impl Export {
    /// Puts the parts together.
    pub fn new(options: ExportOptions) -> Export {
        Export { options: options }
    }

    /// Begins a job.
    pub async fn kick_off(&self, _grant: &Grant, _ask: KickOff) -> Result<String, ExportError> {
        Err(ExportError::NotFound)
    }

    /// Where an own job stands.
    pub async fn status(&self, _client_id: &str, _job: &str) -> Result<JobStatus, ExportError> {
        Err(ExportError::NotFound)
    }

    /// The path of a file of an own job.
    pub async fn file(&self, _client_id: &str, _job: &str, _name: &str) -> Result<PathBuf, ExportError> {
        Err(ExportError::NotFound)
    }

    /// Cancels an own job or frees its files.
    pub async fn delete(&self, _client_id: &str, _job: &str) -> Result<(), ExportError> {
        Err(ExportError::NotFound)
    }

    /// What a finished job disclosed and withheld.
    pub async fn evidence(&self, job: &str) -> Result<ExportEvidence, ExportError> {
        let found = self.options.store.evidence(job).await?.ok_or(ExportError::NotFound)?;
        let corrupt = |_| store::StoreError::Corrupt("the evidence of a job is no JSON".to_owned());
        Ok(serde_json::from_str(&found.evidence).map_err(corrupt)?)
    }

    pub(crate) fn now(&self) -> fhir::Instant {
        (self.options.clock)()
    }

    /// Starts the task that runs jobs.
    pub fn start(self: &Arc<Self>) -> Worker {
        Worker
    }
}
