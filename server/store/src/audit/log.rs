//! The log: where it lies, and how records reach its writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use migrations::audit::Migrator;
use tokio::sync::{mpsc, oneshot};

use super::absorb::Absorber;
use super::append::{Append, Log, serve};
use super::record::AuditRecord;
use crate::error::StoreError;
use crate::migrate_locked::{migrate_postgres, migrate_sqlite};
use crate::postgres::{Pool, Span};
use crate::sql::Session;
use crate::sqlite;
use crate::writer::Opener;

/// Records that may wait; whoever comes next waits for room, so that load slows requests and loses none.
const QUEUE_MAX: usize = 8192;

/// The audit log. Cheap to clone; its writer ends with the last clone.
#[derive(Clone)]
pub struct Audit {
    queue: mpsc::Sender<Append>,
    backend: Arc<Backend>,
}

enum Backend {
    Sqlite { tables: PathBuf, absorber: Absorber },
    Postgres(Pool),
}

impl Audit {
    /// Opens (and makes, if need be) the tables and the journal at these paths.
    pub(crate) async fn open_sqlite(tables: &Path, journal: &Path) -> Result<Audit, StoreError> {
        migrate_sqlite::<Migrator>(tables).await?;
        let (absorber, journal, progress) = Absorber::start(tables, journal)?;
        Self::start(Backend::Sqlite { tables: tables.to_owned(), absorber }, Log::Journal(journal, progress))
    }

    /// Uses the audit tables of the database behind that pool.
    pub(crate) async fn open_postgres(pool: Pool) -> Result<Audit, StoreError> {
        migrate_postgres::<Migrator>(&pool).await?;
        let writer = pool.clone();
        let opener: Opener = Box::new(move || writer.session().map(|session| Box::new(session) as Box<dyn Session>));
        Self::start(Backend::Postgres(pool), Log::Tables(opener))
    }

    fn start(backend: Backend, log: Log) -> Result<Audit, StoreError> {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        std::thread::Builder::new()
            .name("audit-writer".to_owned())
            .spawn(move || serve(waiting, log))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Audit { queue, backend: Arc::new(backend) })
    }

    /// Appends a record and returns its place once it is durable. On an error the request that it is about must be refused.
    pub async fn append(&self, record: AuditRecord) -> Result<u64, StoreError> {
        let (record, text) = record.canonical()?;
        let (reply, answer) = oneshot::channel();
        let stopped = || StoreError::Unavailable("the audit writer has stopped".to_owned());
        self.queue.send(Append { record, text, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Reads in one snapshot all that was appended before.
    pub(super) async fn query<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self.backend.as_ref() {
            Backend::Postgres(pool) => pool.read(Span::Long, work).await,
            Backend::Sqlite { tables, absorber } => {
                let (tables, absorber) = (tables.clone(), absorber.clone());
                // The log may be long: away from the threads that serve requests.
                let run = move || {
                    absorber.absorb()?;
                    sqlite::read(&tables, None, work)
                };
                tokio::task::spawn_blocking(run).await.map_err(|error| StoreError::Unavailable(error.to_string()))?
            }
        }
    }
}
