//! The demo: synthetic feeds through the real front doors, a SMART launch, a bulk export.

mod browser;
mod http;
mod keys;
mod mllp_sender;
mod samples;
pub mod screen;
pub mod story;

use anyhow::{Context as _, Result};

/// Random bytes for the demo's clients.
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the operating system gives no random bytes")?;
    Ok(bytes)
}
