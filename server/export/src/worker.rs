//! The task that takes up jobs, keeps their leases, and clears away what has expired.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fhir::Instant;
use serde_json::json;
use store::{Job, JobState, Lease, Stop, StoreError, Worker, lease_until};

use crate::export::KIND;
use crate::output::remove_folder;
use crate::run::{Run, RunError};
use crate::{Export, ExportError};

/// Between two looks for what has expired.
const CLEAR_MS: i64 = 60_000;
/// A job that was taken up that often is failed.
const ATTEMPTS_MAX: u32 = 5;
/// Expired jobs cleared at a time.
const CLEARED_MAX: u32 = 100;

enum Ended {
    Done,
    Lost,
    Failed(RunError),
}

impl Export {
    /// Starts the task that runs jobs; a stop lets the page in hand finish and gives the job back.
    pub fn start(self: &Arc<Self>) -> Worker {
        let export = Arc::clone(self);
        let cleared = Arc::new(AtomicI64::new(i64::MIN));
        Worker::start(Arc::clone(&self.wake), move |stop| {
            let (export, cleared) = (Arc::clone(&export), Arc::clone(&cleared));
            async move {
                let now = export.now().0;
                if now.saturating_sub(CLEAR_MS) >= cleared.load(Ordering::Relaxed) {
                    cleared.store(now, Ordering::Relaxed);
                    export.clear().await.unwrap_or_else(|error| tracing::warn!(%error, "expired exports stay"));
                }
                export.work(&stop).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "no export job could be taken up");
                    false
                })
            }
        })
    }

    /// Takes up a job, if there is one, and runs it. Says whether there was.
    async fn work(&self, stop: &Stop) -> Result<bool, ExportError> {
        let (lease, now) = (self.random_id(), self.now());
        let wish = Lease {
            kind: KIND.to_owned(),
            lease: lease.clone(),
            now,
            until: lease_until(now),
            attempts_max: ATTEMPTS_MAX,
        };
        let Some(job) = self.options.store.lease_job(&wish).await? else { return Ok(false) };
        let progress = Mutex::new("choosing the persons".to_owned());
        let run = Run { export: self, job: &job, lease: &lease, stop, progress: &progress };
        let ended = tokio::select! {
            done = Box::pin(run.run()) => done.map_or_else(Ended::Failed, |()| Ended::Done),
            lost = self.options.store.keep_job(&job.id, &lease, || said(&progress)) => lost.map_or_else(|error| Ended::Failed(error.into()), |()| Ended::Lost),
        };
        let folder = run.folder();
        match ended {
            Ended::Done => tracing::info!(job = job.id, "export finished"),
            Ended::Lost => {
                tracing::warn!(job = job.id, "export taken back or taken over");
                remove_folder(&folder).await?;
            }
            Ended::Failed(error) => {
                remove_folder(&folder).await?;
                self.give_back_or_fail(&job, &lease, error).await?;
            }
        }
        Ok(true)
    }

    async fn give_back_or_fail(&self, job: &Job, lease: &str, error: RunError) -> Result<(), ExportError> {
        let store = &self.options.store;
        let failure = match error {
            RunError::Stopped => {
                let past = Instant(self.now().0 - 1);
                store.heartbeat_job(&job.id, lease, past, None).await?;
                return Ok(());
            }
            RunError::Export(ExportError::Denied(denied)) => json!({"detail": denied.reason, "text": denied.message}),
            RunError::Export(error) if job.attempts < ATTEMPTS_MAX => {
                // The lease runs out by itself; until then a database or disk in trouble is left alone.
                tracing::warn!(%error, job = job.id, "export will be tried again");
                return Ok(());
            }
            RunError::Export(error) => {
                tracing::error!(%error, job = job.id, "export failed");
                json!({"detail": "export-failed", "text": "the export could not be written"})
            }
        };
        match store.fail_job(&job.id, lease, &failure.to_string(), self.now()).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Clears away expired jobs with their files, and opt-out answers that are too old to be used.
    async fn clear(&self) -> Result<(), ExportError> {
        let (store, rules) = (&self.options.store, self.rules());
        for job in store.expired_jobs(rules.now, CLEARED_MAX).await? {
            if job.kind == KIND && !matches!(job.state, JobState::Queued | JobState::Running) {
                store.delete_job(&job.id).await?;
                remove_folder(&self.job_folder(&job.id)).await?;
            }
        }
        store.purge_opt_outs(Instant(rules.now.0.saturating_sub(rules.answer_age_max_ms))).await?;
        Ok(())
    }
}

fn said(progress: &Mutex<String>) -> Option<String> {
    Some(progress.lock().unwrap_or_else(PoisonError::into_inner).clone())
}
