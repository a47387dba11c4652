//! `weir reindex`: what `POST [base]/$reindex` begins, run here, with a bar.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use policy::{Grant, Task};
use serde_json::json;
use store::{ReindexOutcome, ReindexRequest, ReindexStatus};

use crate::cli::ReindexArgs;
use crate::reindexer::lease;
use crate::wiring::House;

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// Runs a job to its end; a server on the same store may take it up instead.
pub async fn run(arguments: &ReindexArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    let request = ReindexRequest { types: arguments.types.clone(), parameters: arguments.parameters.clone() };
    let outcome = reindex(&house, &request).await?;
    crate::out(&format!("{} resources looked at\n", outcome.resources));
    for (what, urls) in [("indexed", &outcome.indexed), ("changed meanwhile, not indexed", &outcome.changed)] {
        urls.iter().for_each(|url| crate::out(&format!("{what}: {url}\n")));
    }
    Ok(())
}

/// The same for callers of this process.
pub async fn reindex(house: &House, request: &ReindexRequest) -> Result<ReindexOutcome> {
    house.audit("reindex", Vec::new(), json!({"types": request.types, "parameters": request.parameters})).await?;
    let (store, id) = (&house.store, lease());
    store.queue_reindex(&id, "command line", request).await?;
    let grant = Grant::for_system(Task::Reindex, &house.token);
    let bar = super::ingest::progress_bar(0, "resources");
    let work = async {
        loop {
            store.work_reindex(&grant, &lease(), || false).await?;
            tokio::time::sleep(LOOK).await;
        }
    };
    let watch = async {
        loop {
            match store.reindex_status(&id).await?.context("the job is gone")? {
                ReindexStatus::Complete(outcome) => return Ok(outcome),
                ReindexStatus::Failed => bail!("the job was given up"),
                ReindexStatus::Queued => {}
                ReindexStatus::Running(progress) => {
                    bar.set_length(progress.total);
                    bar.set_position(progress.resources);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let outcome = tokio::select! {
        outcome = watch => outcome,
        failed = work => failed,
    };
    bar.finish_and_clear();
    outcome
}
