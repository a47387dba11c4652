//! The one writer: a thread that owns a connection and groups waiting requests into one durable transaction.
//!
//! Each request runs under its own savepoint, so a refused one takes nothing with it. On PostgreSQL the row of
//! `store_state` is locked for the length of the group: numbers are given in commit order across all nodes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use fhir::Instant;
use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::intern::Interner;
use crate::options::Clock;
use crate::sql::{Dialect, Session, Statement};

/// How many requests share one fsync at most; more would only lengthen the wait of the first.
const GROUP_MAX: usize = 128;
/// How often a group that gave way to another transaction is run again.
const ATTEMPTS_MAX: u32 = 4;

/// Opens the writer's connection, again after a failure.
pub(crate) type Opener = Box<dyn Fn() -> Result<Box<dyn Session>, StoreError> + Send>;

/// Numbers that the writer hands out; kept in `store_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// The last commit number.
    pub(crate) commit_seq: i64,
    /// The last resource key.
    pub(crate) res_key: i64,
    /// The latest `lastUpdated`: it never goes back, so that it orders versions as commit numbers do.
    pub(crate) last_updated: Instant,
}

/// What a request sees of the running transaction.
pub(crate) struct Transaction<'a> {
    /// The connection.
    pub(crate) session: &'a mut dyn Session,
    /// The numbers.
    pub(crate) numbers: &'a mut Numbers,
    /// Keys of systems, units and reference targets.
    pub(crate) interner: &'a mut Interner,
    /// The moment of the transaction.
    pub(crate) now: Instant,
}

trait Job: Send {
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), StoreError>;
    fn reply(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct TypedJob<T, F> {
    work: F,
    output: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send> Job for TypedJob<T, F> {
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        self.output = Some((self.work)(transaction)?);
        Ok(())
    }

    fn reply(self: Box<Self>, outcome: Result<(), StoreError>) {
        let gone = || StoreError::Unavailable("the write did not run".to_owned());
        let Self { output, reply, .. } = *self;
        // A caller that went away no longer wants to know.
        let _ = reply.send(outcome.and_then(|()| output.ok_or_else(gone)));
    }
}

/// The way to the writer thread.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: SyncSender<Box<dyn Job>>,
}

impl Writer {
    /// Starts a writer thread.
    pub(crate) fn start(name: &str, queue_max: usize, clock: Clock, opener: Opener) -> Result<Writer, StoreError> {
        let (queue, jobs) = sync_channel(queue_max);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(&jobs, &clock, &opener))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Writer { queue })
    }

    /// Runs work in the next group; when this returns, the work is durable. It may be run more than once.
    pub(crate) async fn submit<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(TypedJob { work, output: None, reply });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Unavailable("the writer has stopped".to_owned()),
        })?;
        answer.await.map_err(|_| StoreError::Unavailable("the writer has stopped".to_owned()))?
    }
}

fn serve(jobs: &Receiver<Box<dyn Job>>, clock: &Clock, opener: &Opener) {
    let mut session: Option<Box<dyn Session>> = None;
    let mut interner = Interner::default();
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP_MAX - 1));
        let mut current = match session.take().map_or_else(opener, Ok) {
            Ok(current) => current,
            Err(error) => {
                group.into_iter().for_each(|job| job.reply(Err(error.share())));
                continue;
            }
        };
        // A fault of ours in one request must not end all writing.
        let run = AssertUnwindSafe(|| run_with_retry(current.as_mut(), &mut interner, clock, &mut group));
        let outcomes = catch_unwind(run)
            .unwrap_or_else(|_| Err(StoreError::Unavailable("a write failed in an unforeseen way".to_owned())));
        match outcomes {
            Ok(outcomes) => {
                interner.keep();
                session = Some(current);
                group.into_iter().zip(outcomes).for_each(|(job, outcome)| job.reply(outcome));
            }
            Err(error) => {
                tracing::error!(error = %error, "a group of writes failed");
                interner.forget();
                let is_clean = current.command("ROLLBACK").is_ok();
                if is_clean && !error.is_fatal_for_connection() {
                    session = Some(current);
                }
                group.into_iter().for_each(|job| job.reply(Err(error.share())));
            }
        }
    }
}

type Outcomes = Vec<Result<(), StoreError>>;

fn run_with_retry(
    session: &mut dyn Session,
    interner: &mut Interner,
    clock: &Clock,
    group: &mut [Box<dyn Job>],
) -> Result<Outcomes, StoreError> {
    let mut attempt = 1;
    loop {
        match run_group(session, interner, clock(), group) {
            Err(StoreError::Serialization) if attempt < ATTEMPTS_MAX => {
                interner.forget();
                session.command("ROLLBACK")?;
                attempt += 1;
            }
            other => return other,
        }
    }
}

fn run_group(
    session: &mut dyn Session,
    interner: &mut Interner,
    clock: Instant,
    group: &mut [Box<dyn Job>],
) -> Result<Outcomes, StoreError> {
    session.command(match session.dialect() {
        Dialect::Sqlite => "BEGIN IMMEDIATE",
        Dialect::Postgres => "BEGIN",
    })?;
    let mut numbers = load_numbers(session)?;
    let before = numbers;
    let now = clock.max(numbers.last_updated);
    let mut outcomes = Vec::with_capacity(group.len());
    for job in group.iter_mut() {
        interner.mark();
        session.command("SAVEPOINT request")?;
        let outcome = job.run(&mut Transaction { session, numbers: &mut numbers, interner, now });
        match &outcome {
            Ok(()) => session.command("RELEASE SAVEPOINT request")?,
            Err(StoreError::Serialization) => return Err(StoreError::Serialization),
            Err(_) => {
                interner.reset();
                session.command("ROLLBACK TO SAVEPOINT request")?;
                session.command("RELEASE SAVEPOINT request")?;
            }
        }
        outcomes.push(outcome);
    }
    if numbers != before {
        numbers.last_updated = now;
        session.execute(&Statement::new(
            "UPDATE store_state SET commit_seq = $1, res_key = $2, last_updated = $3 WHERE id = 1",
            vec![numbers.commit_seq.into(), numbers.res_key.into(), numbers.last_updated.into()],
        ))?;
    }
    session.command("COMMIT")?;
    metrics::counter!("weir_store_commits_total").increment(1);
    Ok(outcomes)
}

fn load_numbers(session: &mut dyn Session) -> Result<Numbers, StoreError> {
    let sql = match session.dialect() {
        Dialect::Sqlite => "SELECT commit_seq, res_key, last_updated FROM store_state WHERE id = 1",
        Dialect::Postgres => "SELECT commit_seq, res_key, last_updated FROM store_state WHERE id = 1 FOR UPDATE",
    };
    let rows = session.query(&Statement::new(sql, Vec::new()))?;
    let row = rows.first().ok_or_else(|| StoreError::Corrupt("store_state is empty".to_owned()))?;
    Ok(Numbers { commit_seq: row.i64(0)?, res_key: row.i64(1)?, last_updated: Instant(row.i64(2)?) })
}
