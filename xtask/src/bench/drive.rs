//! Drives a server over many connections at once and measures how long each request takes.
//!
//! One thread does it all: each connection sends its next request when it has the answer to the last. The load falls when the server slows
//! (a closed loop), so latencies under overload are not told by it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::task::LocalSet;

use super::http::{Answer, Connection};

/// How much of a body that tells of an error is kept.
const TOLD_CHARACTERS: usize = 400;

/// Where requests come from and answers go.
pub(crate) trait Source {
    /// Writes the next request of a connection, or says that there is none.
    fn next(&mut self, connection: usize, request: &mut Vec<u8>) -> bool;

    /// Looks at the answer to it: how many units of work it stands for, or what is wrong.
    fn answered(&mut self, connection: usize, answer: &Answer<'_>) -> Result<u64>;
}

/// What was measured.
#[derive(Debug, Default, Clone)]
pub(crate) struct Measured {
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// Requests that were answered.
    pub(crate) requests: u64,
    /// Units of work that they stand for.
    pub(crate) units: u64,
    /// Requests that went wrong, and what the first said.
    pub(crate) errors: u64,
    /// The first error.
    pub(crate) first_error: Option<String>,
    /// Seconds of processor time that the server used.
    pub(crate) processor_s: f64,
    /// Highest resident memory of the server meanwhile, in bytes.
    pub(crate) rss_peak_bytes: u64,
    /// Microseconds of each request, in order of length.
    micros: Vec<u32>,
}

impl Measured {
    /// Units a second.
    pub(crate) fn rate(&self) -> f64 {
        self.units as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The latency below which so many of a hundred requests stay, in milliseconds.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        let at = (self.micros.len() * percent / 100).min(self.micros.len().saturating_sub(1));
        self.micros.get(at).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }

    fn finish(mut self, started: Instant) -> Measured {
        self.elapsed = started.elapsed();
        self.micros.sort_unstable();
        self
    }
}

/// Runs until the source has no more or the time is over, and gives the source back.
pub(crate) async fn drive<S: Source + 'static>(
    address: SocketAddr,
    connections: usize,
    time: Option<Duration>,
    source: S,
) -> Result<(Measured, S)> {
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(address).await?);
    }
    let started = Instant::now();
    let end = time.map(|time| started + time);
    let shared = Rc::new(RefCell::new((source, Measured::default())));
    let local = LocalSet::new();
    let tasks: Vec<_> = opened
        .into_iter()
        .enumerate()
        .map(|(number, connection)| local.spawn_local(converse(number, connection, Rc::clone(&shared), end)))
        .collect();
    local.await;
    for task in tasks {
        task.await??;
    }
    let (source, measured) = Rc::into_inner(shared).ok_or_else(|| anyhow!("a connection is still busy"))?.into_inner();
    Ok((measured.finish(started), source))
}

async fn converse<S: Source>(
    number: usize,
    mut connection: Connection,
    shared: Rc<RefCell<(S, Measured)>>,
    end: Option<Instant>,
) -> Result<()> {
    let mut request = Vec::new();
    while end.is_none_or(|end| Instant::now() < end) && shared.borrow_mut().0.next(number, &mut request) {
        let sent = Instant::now();
        let answer = connection.exchange(&request).await?;
        let took = sent.elapsed();
        let (source, measured) = &mut *shared.borrow_mut();
        measured.requests += 1;
        measured.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        match source.answered(number, &answer) {
            Ok(units) => measured.units += units,
            Err(error) => {
                measured.errors += 1;
                measured.first_error.get_or_insert_with(|| error.to_string());
            }
        }
    }
    Ok(())
}

/// Refuses an answer whose status is none of these.
pub(crate) fn expect(answer: &Answer<'_>, statuses: &[u16]) -> Result<()> {
    if statuses.contains(&answer.status) {
        return Ok(());
    }
    let told: String = String::from_utf8_lossy(answer.body).chars().take(TOLD_CHARACTERS).collect();
    Err(anyhow!("status {}: {told}", answer.status))
}
