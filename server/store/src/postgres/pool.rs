//! The pool of connections and the runtime that drives them.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::runtime::{Builder, Handle, Runtime};

use super::session::PostgresSession;
use crate::error::StoreError;
use crate::sql::{Session, Statement};

/// How long to wait for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long reads may take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Span {
    /// As long as any statement.
    Short,
    /// As long as a search, which PostgreSQL itself ends.
    Search(Duration),
    /// As long as it takes.
    Long,
}

/// Connections to PostgreSQL.
#[derive(Clone)]
pub(crate) struct Pool {
    pool: PgPool,
    /// How long a statement may be without an answer: a server that stalls must not hold callers for ever.
    patience: Duration,
    runtime: Arc<OwnRuntime>,
}

struct OwnRuntime(Option<Runtime>, Handle);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        // A runtime must not be waited for inside another one.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Pool {
    /// A pool for that URL; connects when first used.
    pub(crate) fn new(url: &str, connections_max: u32, patience: Duration) -> Result<Self, StoreError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("postgres")
            .enable_all()
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| StoreError::Invalid("the database URL is not one of PostgreSQL".to_owned()))?;
        let handle = runtime.handle().clone();
        let guard = handle.enter();
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(ACQUIRE_TIMEOUT.min(patience))
            // A ping before each use halves the throughput; a broken connection shows itself as an error.
            .test_before_acquire(false)
            .connect_lazy_with(options);
        drop(guard);
        Ok(Self { pool, patience, runtime: Arc::new(OwnRuntime(Some(runtime), handle)) })
    }

    /// The sqlx pool, to be shared with sea-orm.
    pub(crate) fn sqlx(&self) -> &PgPool {
        &self.pool
    }

    /// The runtime of the connections.
    pub(crate) fn handle(&self) -> &Handle {
        &self.runtime.1
    }

    /// How long a statement may be without an answer.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// A connection, for use from a thread that may wait.
    pub(crate) fn session(&self) -> Result<PostgresSession, StoreError> {
        self.patient_session(self.patience)
    }

    fn patient_session(&self, patience: Duration) -> Result<PostgresSession, StoreError> {
        let connection = self.handle().block_on(self.pool.acquire())?;
        Ok(PostgresSession::new(connection, self.handle().clone(), patience))
    }

    /// Runs reads on a thread that may wait, in one snapshot.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        span: Span,
        work: impl FnOnce(&mut dyn Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let pool = self.clone();
        let run = move || {
            let (patience, timeout) = match span {
                Span::Short => (pool.patience, None),
                Span::Search(timeout) => (pool.patience.saturating_add(timeout), Some(timeout)),
                Span::Long => (Duration::MAX, None),
            };
            let mut session = pool.patient_session(patience)?;
            session.command("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
            let outcome = limit(&mut session, timeout).and_then(|()| work(&mut session));
            let ended = session.command("ROLLBACK");
            let value = outcome.map_err(|error| match (error, timeout) {
                (StoreError::Timeout(_), Some(timeout)) => StoreError::Timeout(timeout.as_millis() as u64),
                (other, _) => other,
            })?;
            ended.map(|()| value)
        };
        self.handle().spawn_blocking(run).await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

fn limit(session: &mut PostgresSession, timeout: Option<Duration>) -> Result<(), StoreError> {
    let Some(timeout) = timeout else { return Ok(()) };
    let milliseconds = timeout.as_millis().to_string();
    let sql = "SELECT set_config('statement_timeout', $1, true)";
    session.query(&Statement::new(sql, vec![milliseconds.into()])).map(|_| ())
}
