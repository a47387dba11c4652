//! The export service, as its clients see it.

use std::path::PathBuf;
use std::sync::Arc;

use fhir::{Instant, Issue};
use policy::{Denied, Grant, Interaction};
use store::{Job, JobState, NewJob, StoreError};
use tokio::sync::{Mutex, Notify};

use crate::manifest::{JobResult, manifest};
use crate::output::remove_folder;
use crate::request::JobRequest;
use crate::{ExportError, ExportEvidence, ExportOptions, JobStatus, KickOff};

/// The kind of job that this is.
pub(crate) const KIND: &str = "export";
/// Jobs that one client may have queued and running.
const RUNNING_MAX: u64 = 2;

/// Bulk exports of one server.
pub struct Export {
    pub(crate) options: ExportOptions,
    /// Wakes the worker.
    pub(crate) wake: Arc<Notify>,
    /// Held while a client's jobs are counted and another is added.
    begin: Mutex<()>,
}

impl Export {
    /// Puts the parts together.
    pub fn new(options: ExportOptions) -> Export {
        Export { options, wake: Arc::new(Notify::new()), begin: Mutex::new(()) }
    }

    /// Begins a job.
    pub async fn kick_off(&self, grant: &Grant, ask: KickOff) -> Result<String, ExportError> {
        let is_export = grant.permits().iter().any(|(interaction, _)| *interaction == Interaction::Export);
        if !is_export || grant.client_id() != ask.client_id {
            return Err(Denied::new("not-decided", "this grant does not cover an export").into());
        }
        let request = JobRequest::new(&ask, grant, &self.options.definitions)?;
        if request.needs_cohort() {
            self.fresh_answer().await?;
        }
        let _begun = self.begin.lock().await;
        let store = &self.options.store;
        if store.unended_jobs(&ask.client_id, &[KIND]).await? >= RUNNING_MAX {
            return Err(ExportError::TooMany);
        }
        let text = serde_json::to_string(&request);
        let created = self.now();
        let life_ms = i64::try_from(self.options.file_life_hours).unwrap_or(i64::MAX).saturating_mul(3_600_000);
        let job = NewJob {
            id: self.random_id(),
            kind: KIND.to_owned(),
            client_id: ask.client_id,
            request: text.map_err(|_| StoreError::Invalid("the request cannot be written".to_owned()))?,
            created,
            expires: Instant(created.0.saturating_add(life_ms)),
        };
        store.add_job(&job).await?;
        self.wake.notify_one();
        Ok(job.id)
    }

    /// Where an own job stands.
    pub async fn status(&self, client_id: &str, job: &str) -> Result<JobStatus, ExportError> {
        let job = self.own(client_id, job).await?;
        match job.state {
            JobState::Queued => Ok(JobStatus::Running { progress: "queued".to_owned() }),
            JobState::Running => {
                let progress = job.progress.unwrap_or_else(|| "choosing the persons".to_owned());
                Ok(JobStatus::Running { progress })
            }
            JobState::Complete => {
                let files = self.options.store.job_files(&job.id).await?;
                let manifest = manifest(&job, &files, &self.options.base_url)?;
                Ok(JobStatus::Complete { manifest, expires: job.expires })
            }
            JobState::Failed => Ok(JobStatus::Failed { issues: vec![failure(&job)] }),
            JobState::Cancelled => Err(ExportError::NotFound),
        }
    }

    /// The path of a file of an own job.
    pub async fn file(&self, client_id: &str, job: &str, name: &str) -> Result<PathBuf, ExportError> {
        let job = self.own(client_id, job).await?;
        let files = self.options.store.job_files(&job.id).await?;
        if job.state != JobState::Complete || !files.iter().any(|file| file.name == name) {
            return Err(ExportError::NotFound);
        }
        Ok(self.job_folder(&job.id).join(JobResult::of(&job)?.folder).join(name))
    }

    /// Cancels an own job or frees its files.
    pub async fn delete(&self, client_id: &str, job: &str) -> Result<(), ExportError> {
        let job = self.own(client_id, job).await?;
        self.options.store.delete_job(&job.id).await?;
        Ok(remove_folder(&self.job_folder(&job.id)).await?)
    }

    /// What a finished job disclosed and withheld. For the controller alone.
    pub async fn evidence(&self, job: &str) -> Result<ExportEvidence, ExportError> {
        let found = self.options.store.evidence(job).await?.ok_or(ExportError::NotFound)?;
        let corrupt = |_| StoreError::Corrupt("the evidence of a job is no JSON".to_owned());
        Ok(serde_json::from_str(&found.evidence).map_err(corrupt)?)
    }

    pub(crate) fn now(&self) -> Instant {
        (self.options.clock)()
    }

    pub(crate) fn job_folder(&self, job: &str) -> PathBuf {
        self.options.folder.join(job)
    }

    /// 128 random bits.
    pub(crate) fn random_id(&self) -> String {
        (self.options.random)().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// A job of that client that has not expired; to others it does not exist.
    async fn own(&self, client_id: &str, job: &str) -> Result<Job, ExportError> {
        let found = self.options.store.job(job).await?.ok_or(ExportError::NotFound)?;
        let is_own = found.kind == KIND && found.client_id == client_id && found.expires > self.now();
        if is_own { Ok(found) } else { Err(ExportError::NotFound) }
    }
}

fn failure(job: &Job) -> Issue {
    let told = job.result.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let told = |name: &str| told.as_ref().and_then(|told| told.get(name)?.as_str().map(str::to_owned));
    let text = told("text").unwrap_or_else(|| "the export could not be written".to_owned());
    Issue::error("processing", text).detail(told("detail").unwrap_or_else(|| "export-failed".to_owned()))
}
