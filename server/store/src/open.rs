//! The store and how it is opened: migrated first, then one writer and as many readers as are wanted.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use migrations::Main;
use sea_orm::{DatabaseConnection, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use tokio::sync::Semaphore;

use crate::audit::Audit;
use crate::control::Control;
use crate::error::StoreError;
use crate::migrate::migrate;
use crate::options::{Clock, Location, StoreOptions};
use crate::parameters::Parameters;
use crate::postgres::{Pool, Span};
use crate::sql::{Session, SqlRow, Statement};
use crate::sqlite::{self, Mode, SqliteSession};
use crate::writer::{Opener, Writer};

/// The file of the main database in the data directory.
const MAIN_FILE: &str = "weir.db";
const AUDIT_FILE: &str = "audit.db";
const AUDIT_JOURNAL_FILE: &str = "audit.journal";
const CONTROL_FILE: &str = "control.db";

/// Everything that Weir keeps. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) parameters: Parameters,
    pub(crate) clock: Clock,
    pub(crate) backend: Backend,
    pub(crate) writer: Writer,
    audit: Audit,
    control: Control,
    searches: Semaphore,
    search_timeout: Duration,
}

pub(crate) enum Backend {
    Sqlite { main: PathBuf, directory: PathBuf },
    Postgres(Pool),
}

impl Store {
    /// Opens the store, after bringing its schema to this version.
    pub async fn open(options: StoreOptions) -> Result<Store, StoreError> {
        let (backend, opener) = match &options.location {
            Location::Sqlite(directory) => open_sqlite(directory).await?,
            Location::Postgres(url) => open_postgres(url, options.connections_max, options.database_timeout).await?,
        };
        let (audit, control) = open_beside(&backend).await?;
        let writer = Writer::start("store-writer", options.write_queue_max, options.clock.clone(), opener)?;
        let store = Store {
            inner: Arc::new(Inner {
                parameters: Parameters::new(options.registry),
                clock: options.clock,
                backend,
                writer,
                audit,
                control,
                searches: Semaphore::new(options.searches_max),
                search_timeout: options.search_timeout,
            }),
        };
        store.refresh_parameters().await?;
        Ok(store)
    }

    /// Brings the schema to this version and nothing else.
    pub async fn migrate(location: &Location) -> Result<(), StoreError> {
        let (backend, _) = match location {
            Location::Sqlite(directory) => open_sqlite(directory).await?,
            // An index over a large table takes its time.
            Location::Postgres(url) => open_postgres(url, 4, Duration::MAX).await?,
        };
        open_beside(&backend).await.map(|_| ())
    }

    /// The audit log.
    pub fn audit(&self) -> &Audit {
        &self.inner.audit
    }

    /// Clients, users, tokens and keys.
    pub fn control(&self) -> &Control {
        &self.inner.control
    }

    /// Answers when the database does: for a readiness probe.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.commit_seq().await.map(|_| ())
    }

    /// Runs statements in one atomic transaction that is durable when this returns; gives the rows changed by each.
    pub(crate) async fn execute_all(&self, statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        let run = move |transaction: &mut crate::transaction::Transaction<'_>| {
            statements.iter().map(|statement| transaction.session.execute(statement)).collect()
        };
        self.inner.writer.submit(run).await
    }

    /// Runs a reading statement outside the writer.
    pub(crate) async fn query(&self, statement: Statement) -> Result<Vec<SqlRow>, StoreError> {
        self.read_inline(move |session| session.query(&statement)).await
    }

    /// Runs short reads in one snapshot: on SQLite at once on this thread, on PostgreSQL on one that may wait.
    pub(crate) async fn read_inline<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.inner.backend {
            Backend::Sqlite { main, .. } => sqlite::read(main, None, work),
            Backend::Postgres(pool) => pool.read(Span::Short, work).await,
        }
    }

    /// Runs reads of unknown length in one snapshot, away from the caller's thread and not beyond the deadline.
    pub(crate) async fn read_bounded<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_apart(Some(self.inner.search_timeout), work).await
    }

    /// Runs reads in one snapshot, away from the caller's thread, however long they take.
    pub(crate) async fn read_unbounded<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_apart(None, work).await
    }

    async fn read_apart<T: Send + 'static>(
        &self,
        timeout: Option<Duration>,
        work: impl FnOnce(&mut dyn Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = |_| StoreError::Unavailable("the store is closed".to_owned());
        let _permit = self.inner.searches.acquire().await.map_err(closed)?;
        match &self.inner.backend {
            Backend::Sqlite { main, .. } => {
                let main = main.clone();
                let run = move || sqlite::read(&main, timeout, work);
                tokio::task::spawn_blocking(run).await.map_err(|error| StoreError::Unavailable(error.to_string()))?
            }
            Backend::Postgres(pool) => pool.read(timeout.map_or(Span::Long, Span::Search), work).await,
        }
    }
}

/// Opens what is kept beside the resources: files of their own on SQLite, so that neither the audit log nor the keys travel
/// with a copy of the data.
async fn open_beside(backend: &Backend) -> Result<(Audit, Control), StoreError> {
    match backend {
        Backend::Sqlite { directory, .. } => {
            let audit = Audit::open_sqlite(&directory.join(AUDIT_FILE), &directory.join(AUDIT_JOURNAL_FILE)).await?;
            Ok((audit, Control::open_sqlite(&directory.join(CONTROL_FILE)).await?))
        }
        Backend::Postgres(pool) => {
            Ok((Audit::open_postgres(pool.clone()).await?, Control::open_postgres(pool.clone()).await?))
        }
    }
}

async fn open_sqlite(directory: &Path) -> Result<(Backend, Opener), StoreError> {
    let unavailable =
        |error: std::io::Error| StoreError::Unavailable(format!("data directory {}: {error}", directory.display()));
    make_private(directory).map_err(unavailable)?;
    // Two processes that start at once migrate one after the other; the lock goes with the file.
    let lock = std::fs::File::create(directory.join("migrate.lock")).map_err(unavailable)?;
    lock.lock().map_err(unavailable)?;
    let main = directory.join(MAIN_FILE);
    let database = sqlite_for_migration(&main).await?;
    migrate::<Main>(&database).await?;
    database.close().await?;
    drop(lock);
    let path = main.clone();
    let opener: Opener =
        Box::new(move || SqliteSession::open(&path, Mode::Write).map(|session| Box::new(session) as Box<dyn Session>));
    Ok((Backend::Sqlite { main, directory: directory.to_owned() }, opener))
}

/// Makes the folder and the database files for their owner alone, whatever the umask; SQLite gives the files beside them the same mode.
/// What is there already keeps the mode that its administrator gave it.
fn make_private(directory: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    for name in [MAIN_FILE, AUDIT_FILE, CONTROL_FILE] {
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(directory.join(name))?;
    }
    Ok(())
}

/// A sea-orm connection to a SQLite file, for migrations and control data.
pub(crate) async fn sqlite_for_migration(path: &Path) -> Result<DatabaseConnection, StoreError> {
    let options =
        SqliteConnectOptions::new().filename(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

async fn open_postgres(url: &str, connections_max: u32, patience: Duration) -> Result<(Backend, Opener), StoreError> {
    let pool = Pool::new(url, connections_max, patience)?;
    let migrated = pool.clone();
    pool.handle()
        .spawn(async move {
            let database = SqlxPostgresConnector::from_sqlx_postgres_pool(migrated.sqlx().clone());
            // Held by a connection of its own while others, on other nodes, wait.
            let mut lock = migrated.sqlx().acquire().await?;
            sqlx::query("SELECT pg_advisory_lock(hashtext(current_schema()), 7317)").execute(&mut *lock).await?;
            let outcome = migrate::<Main>(&database).await;
            sqlx::query("SELECT pg_advisory_unlock(hashtext(current_schema()), 7317)").execute(&mut *lock).await?;
            outcome
        })
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))??;
    let writers = pool.clone();
    let opener: Opener = Box::new(move || writers.session().map(|session| Box::new(session) as Box<dyn Session>));
    Ok((Backend::Postgres(pool), opener))
}
