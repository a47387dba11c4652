//! The task of a node that takes up jobs, and how it keeps those that it has.

use std::sync::Arc;
use std::time::Duration;

use fhir::Instant;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::error::StoreError;
use crate::open::Store;

/// How long a job is a worker's without a sign of life.
const LEASE_MS: i64 = 60_000;
/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Between two looks for jobs of other nodes.
const POLL: Duration = Duration::from_secs(2);

/// A running task.
pub struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Tells a step that it is to end.
pub type Stop = watch::Receiver<bool>;

impl Worker {
    /// Starts a task that takes step after step as long as there is something to do (`true`), and else waits to be woken.
    pub fn start<F>(wake: Arc<Notify>, step: impl Fn(Stop) -> F + Send + 'static) -> Worker
    where
        F: Future<Output = bool> + Send,
    {
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            while !is_stopped(&stopped) {
                if step(stopped.clone()).await {
                    continue;
                }
                tokio::select! {
                    () = wake.notified() => {}
                    () = tokio::time::sleep(POLL) => {}
                    _ = stopped.changed() => {}
                }
            }
        });
        Worker { stop, task }
    }

    /// Asks the step in hand to end, waits for it, and returns.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            tracing::error!("a worker ended badly");
        }
    }
}

/// Whether the worker is to stop, or is gone.
pub fn is_stopped(stop: &Stop) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

/// Until when a lease taken or renewed now holds.
pub fn lease_until(now: Instant) -> Instant {
    Instant(now.0.saturating_add(LEASE_MS))
}

impl Store {
    /// Gives signs of life, with how far it is, until the job is no longer the holder's.
    pub async fn keep_job(
        &self,
        id: &str,
        lease: &str,
        progress: impl Fn() -> Option<String>,
    ) -> Result<(), StoreError> {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let until = lease_until((self.inner.clock)());
            if !self.heartbeat_job(id, lease, until, progress().as_deref()).await? {
                return Ok(());
            }
        }
    }
}
