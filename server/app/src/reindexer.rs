//! The task that keeps search parameters as the database says: notices what other nodes change, removes the rows of what was taken out, and
//! runs the jobs of `$reindex`.

use std::time::Duration;

use policy::{Grant, Task};
use store::{Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::wiring::{House, random};

/// Between two looks: how long another node may not know of a new search parameter.
const POLL: Duration = Duration::from_secs(1);

/// The running task.
pub struct Reindexer {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Reindexer {
    /// Starts it.
    pub fn start(house: &House) -> Reindexer {
        let (stop, mut stopped) = watch::channel(false);
        let (store, grant) = (house.store.clone(), Grant::for_system(Task::Reindex, &house.token));
        let task = tokio::spawn(async move {
            while !*stopped.borrow() {
                match look(&store, &grant, &stopped).await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "search parameters could not be looked after"),
                }
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    _ = stopped.changed() => {}
                }
            }
        });
        Reindexer { stop, task }
    }

    /// Lets the resources in hand finish, gives the job back, and returns.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            tracing::error!("the task of $reindex ended badly");
        }
    }
}

/// Does what there is to do. Says whether there may be more.
async fn look(store: &Store, grant: &Grant, stopped: &watch::Receiver<bool>) -> Result<bool, StoreError> {
    store.refresh_parameters().await?;
    if store.clear_retired_parameters().await? {
        return Ok(true);
    }
    store.work_reindex(grant, &lease(), || *stopped.borrow()).await
}

/// A random text for one holding of a job.
pub fn lease() -> String {
    random().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
