//! `weir demo`: the whole way through on synthetic patients, then stays up.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::cli::{DemoArgs, StoreArgs};
use crate::command::serve::stop_asked;
use crate::data_lock::DataLock;
use crate::demo::{screen, story};
use crate::logging;
use crate::wiring::{House, Running};

/// Tells the story, prints its screen, stays up until it is asked to stop (or, with `--check`, checks the numbers and leaves).
pub async fn run(arguments: DemoArgs) -> Result<ExitCode> {
    let started = std::time::Instant::now();
    let (folder, is_own) = folder(arguments.data_dir)?;
    let store = StoreArgs { data_dir: Some(folder.clone()), ..StoreArgs::default() };
    let mut config = super::config(&store)?;
    config.server.listen = arguments.listen.to_string();
    config.server.database_url.clear();
    config.mllp.listen = "127.0.0.1:0".to_owned();
    config.organisation.ods_code = "RZ9".to_owned();
    config.organisation.name = "Weir demonstration".to_owned();
    config.log.filter = "warn".to_owned();
    logging::start(&config.log)?;
    let _lock = DataLock::take(&config.server)?;
    let mut house = House::open(config).await?;
    let running = Running::start(&mut house, story::pages()).await?;
    let story = story::tell(&house, &running).await?;
    crate::out(&screen::text(&story, started.elapsed()));
    let code = if arguments.check {
        check(&story)?;
        ExitCode::SUCCESS
    } else {
        crate::out("\nThe server stays up. Ctrl-C stops it.\n");
        stop_asked().await?;
        ExitCode::SUCCESS
    };
    running.stop().await?;
    drop(house);
    if is_own {
        std::fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    Ok(code)
}

/// The folder asked for, which must be new or empty, or a temporary one that goes with the demo.
fn folder(asked: Option<PathBuf>) -> Result<(PathBuf, bool)> {
    let Some(folder) = asked else {
        let folder = std::env::temp_dir().join(format!("weir-demo-{}", std::process::id()));
        return Ok((folder, true));
    };
    let is_used = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    if is_used {
        bail!("{} is not empty; the demo wants a fresh folder", folder.display());
    }
    Ok((folder, false))
}

fn check(story: &story::Story) -> Result<()> {
    let problems = story.problems();
    if problems.is_empty() {
        crate::out("\nAll numbers are as expected.\n");
        return Ok(());
    }
    bail!("the demo's numbers are wrong: {}", problems.join("; "))
}
