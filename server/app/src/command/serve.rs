//! `weir serve`: the server until it is asked to stop.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::ServeArgs;
use crate::data_lock::DataLock;
use crate::logging;
use crate::wiring::{House, Running};

/// Starts, says where, waits for SIGINT or SIGTERM, stops gracefully.
pub async fn run(arguments: &ServeArgs) -> Result<()> {
    let mut config = super::config(&arguments.store)?;
    if let Some(listen) = arguments.listen {
        config.server.listen = listen.to_string();
    }
    if let Some(mllp) = arguments.mllp {
        config.mllp.listen = mllp.to_string();
    }
    config.server.open_access |= arguments.open_access;
    logging::start(&config.log)?;
    let _lock = DataLock::take(&config.server)?;
    let mut house = House::open(config).await?;
    let running = Running::start(&mut house, Vec::new()).await?;
    tracing::info!(address = %running.http.address, base = %house.config.server.base_url(), "weir serves FHIR");
    if let Some(mllp) = &running.mllp {
        tracing::info!(address = %mllp.address, "weir listens for HL7 v2");
    }
    stop_asked().await?;
    tracing::info!("stopping: requests and messages in flight finish");
    running.stop().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Returns when the process is asked to stop.
pub async fn stop_asked() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
