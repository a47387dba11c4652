//! The task that takes up jobs, keeps their leases, and clears away what has expired.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fhir::Instant;
use serde_json::json;
use store::{Job, JobState, Lease, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::export::KIND;
use crate::output::remove_folder;
use crate::run::{Run, RunError, is_stopped};
use crate::{Export, ExportError};

/// How long a job is a worker's without a sign of life.
const LEASE_MS: i64 = 60_000;
/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Between two looks for jobs of other nodes.
const POLL: Duration = Duration::from_secs(2);
/// Between two looks for what has expired.
const CLEAR_MS: i64 = 60_000;
/// A job that was taken up that often is failed.
const ATTEMPTS_MAX: u32 = 5;
/// Expired jobs cleared at a time.
const CLEARED_MAX: u32 = 100;

/// The task that runs jobs.
pub struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Lets the page in hand finish, gives the job back, and returns.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            tracing::error!("the export worker ended badly");
        }
    }
}

/// Until when a lease taken or renewed now holds.
pub(crate) fn lease_until(now: Instant) -> Instant {
    Instant(now.0.saturating_add(LEASE_MS))
}

enum Ended {
    Done,
    Lost,
    Failed(RunError),
}

impl Export {
    /// Starts the task that runs jobs.
    pub fn start(self: &Arc<Self>) -> Worker {
        let (stop, mut stopped) = watch::channel(false);
        let export = Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut cleared = Instant(i64::MIN);
            while !is_stopped(&stopped) {
                if export.now().0.saturating_sub(CLEAR_MS) >= cleared.0 {
                    cleared = export.now();
                    export.clear().await.unwrap_or_else(|error| tracing::warn!(%error, "expired exports stay"));
                }
                match export.work(&stopped).await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "no export job could be taken up"),
                }
                tokio::select! {
                    () = export.wake.notified() => {}
                    () = tokio::time::sleep(POLL) => {}
                    _ = stopped.changed() => {}
                }
            }
        });
        Worker { stop, task }
    }

    /// Takes up a job, if there is one, and runs it. Says whether there was.
    async fn work(&self, stop: &watch::Receiver<bool>) -> Result<bool, ExportError> {
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
            lost = self.keep(&job.id, &lease, &progress) => lost.map_or_else(|error| Ended::Failed(error.into()), |()| Ended::Lost),
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

    /// Gives signs of life until the job is no longer ours.
    async fn keep(&self, job: &str, lease: &str, progress: &Mutex<String>) -> Result<(), StoreError> {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let said = progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if !self.options.store.heartbeat_job(job, lease, lease_until(self.now()), Some(&said)).await? {
                return Ok(());
            }
        }
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
