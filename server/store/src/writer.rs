//! The one writer: a thread that owns a connection and groups waiting requests into one durable transaction.
//!
//! Writes of resources put their rows together and insert them at the end of the group; a refused one takes its own rows out again. Other
//! requests run under a savepoint each. When something goes wrong that cannot be undone request by request, the group runs again
//! with a savepoint for each. On PostgreSQL the row of `store_state` is locked for the length of the group: numbers are given in
//! commit order across all nodes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::intern::Interner;
use crate::options::Clock;
use crate::sql::{Dialect, Session};
use crate::transaction::{Numbers, Transaction};

/// How many requests share one fsync at most; more would only lengthen the wait of the first.
const GROUP_MAX: usize = 128;
/// How many writes of resources share one fsync at most: some tenths of a second.
const GROUP_WEIGHT_MAX: usize = 4_096;
/// How often a group that gave way to another transaction is run again.
const ATTEMPTS_MAX: u32 = 4;

/// Opens the writer's connection, again after a failure.
pub(crate) type Opener = Box<dyn Fn() -> Result<Box<dyn Session>, StoreError> + Send>;

/// How the requests of a group are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grouping {
    /// Rows of resources wait for the end of the group.
    Together,
    /// A savepoint for each request.
    Apart,
}

trait Job: Send {
    /// How many writes of resources it is, when it may run without a savepoint.
    fn weight(&self) -> Option<usize>;
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), StoreError>;
    fn reply(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct TypedJob<T, F> {
    weight: Option<usize>,
    work: F,
    output: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send> Job for TypedJob<T, F> {
    fn weight(&self) -> Option<usize> {
        self.weight
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        self.output = Some((self.work)(transaction)?);
        Ok(())
    }

    fn reply(self: Box<Self>, outcome: Result<(), StoreError>) {
        let gone = || StoreError::Unavailable("the write did not run".to_owned());
        let Self { work, output, reply, .. } = *self;
        // What the work holds is freed by the caller, who holds it too: the writer has better things to do.
        drop(work);
        // A caller that went away no longer wants to know.
        let _ = reply.send(outcome.and_then(|()| output.ok_or_else(gone)));
    }
}

/// The way to the writer thread.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: SyncSender<Box<dyn Job>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Starts a writer thread.
    pub(crate) fn start(name: &str, queue_max: usize, clock: Clock, opener: Opener) -> Result<Writer, StoreError> {
        let (queue, jobs) = sync_channel(queue_max);
        let commits = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&commits);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(&jobs, &clock, &opener, &counter))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Writer { queue, commits })
    }

    /// How many transactions it has committed.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs work in the next group; when this returns, the work is durable. It may be run more than once.
    pub(crate) async fn submit<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.send(None, work).await
    }

    /// The same for so many writes of resources. Work that touches the database itself, and not only what is pending, says so
    /// ([`Transaction::direct`]).
    pub(crate) async fn submit_writes<T, F>(&self, weight: usize, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.send(Some(weight), work).await
    }

    async fn send<T, F>(&self, weight: Option<usize>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(TypedJob { weight, work, output: None, reply });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Unavailable("the writer has stopped".to_owned()),
        })?;
        answer.await.map_err(|_| StoreError::Unavailable("the writer has stopped".to_owned()))?
    }
}

fn serve(jobs: &Receiver<Box<dyn Job>>, clock: &Clock, opener: &Opener, commits: &AtomicU64) {
    let mut session: Option<Box<dyn Session>> = None;
    let mut interner = Interner::default();
    while let Ok(first) = jobs.recv() {
        let mut weight = first.weight().unwrap_or(1);
        let mut group = vec![first];
        while group.len() < GROUP_MAX && weight < GROUP_WEIGHT_MAX {
            let Ok(next) = jobs.try_recv() else { break };
            weight += next.weight().unwrap_or(1);
            group.push(next);
        }
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
                commits.fetch_add(1, Ordering::Relaxed);
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
    let mut grouping = Grouping::Together;
    loop {
        let error = match run_group(session, interner, clock, (&mut *group, grouping)) {
            Ok(outcomes) => return Ok(outcomes),
            Err(error) => error,
        };
        match error {
            StoreError::Serialization if attempt < ATTEMPTS_MAX => attempt += 1,
            StoreError::Serialization => return Err(error),
            _ if grouping == Grouping::Together => grouping = Grouping::Apart,
            _ => return Err(error),
        }
        interner.forget();
        session.command("ROLLBACK")?;
    }
}

fn run_group(
    session: &mut dyn Session,
    interner: &mut Interner,
    clock: &Clock,
    (group, grouping): (&mut [Box<dyn Job>], Grouping),
) -> Result<Outcomes, StoreError> {
    session.command(match session.dialect() {
        Dialect::Sqlite => "BEGIN IMMEDIATE",
        Dialect::Postgres => "BEGIN",
    })?;
    let before = Numbers::load(session)?;
    let mut transaction = Transaction::new(session, interner, before, clock().max(before.last_updated));
    let mut outcomes = Vec::with_capacity(group.len());
    for job in group.iter_mut() {
        let outcome = match (grouping, job.weight()) {
            (Grouping::Together, Some(_)) => run_together(&mut transaction, job.as_mut())?,
            _ => run_apart(&mut transaction, job.as_mut())?,
        };
        outcomes.push(outcome);
    }
    transaction.flush()?;
    transaction.finish(before)?;
    session.command("COMMIT")?;
    metrics::counter!("weir_store_commits_total").increment(1);
    Ok(outcomes)
}

/// Runs a request without a savepoint. The inner error is its refusal; the outer one ends the group.
fn run_together(transaction: &mut Transaction<'_>, job: &mut dyn Job) -> Result<Result<(), StoreError>, StoreError> {
    transaction.begin_request();
    match job.run(transaction) {
        Ok(()) => Ok(Ok(())),
        Err(error) if error.is_refusal() && !transaction.is_direct() => {
            transaction.undo_request();
            Ok(Err(error))
        }
        Err(error) => Err(error),
    }
}

fn run_apart(transaction: &mut Transaction<'_>, job: &mut dyn Job) -> Result<Result<(), StoreError>, StoreError> {
    transaction.flush()?;
    transaction.begin_request();
    transaction.session.command("SAVEPOINT request")?;
    match job.run(transaction).and_then(|()| transaction.flush()) {
        Ok(()) => {
            transaction.session.command("RELEASE SAVEPOINT request")?;
            Ok(Ok(()))
        }
        Err(StoreError::Serialization) => Err(StoreError::Serialization),
        // Without its savepoint the whole transaction is over, for the reason that the request met.
        Err(error) => match transaction.roll_back_request() {
            Ok(()) => Ok(Err(error)),
            Err(_) => Err(error),
        },
    }
}
