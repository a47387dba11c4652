//! Jobs: long work that any node may take up, and take over when the node that had it is gone.
//!
//! A lease is a random text of its holder. Whoever heartbeats or finishes names it, so that a node that was thought dead and
//! comes back changes nothing.

use fhir::Instant;

use crate::error::StoreError;
use crate::open::Store;
use crate::sql::{Dialect, Session, SqlRow, SqlValue, Statement};
use crate::transaction::Transaction;

/// The kind of requests that are answered later and only read: they may be begun again when their worker is gone.
pub const ASYNC_READ: &str = "async-read";
/// The kind of those that write, which may not.
pub const ASYNC_WRITE: &str = "async-write";
/// Both; they hold people's data, so an erasure takes them all away.
pub const ASYNC_KINDS: [&str; 2] = [ASYNC_READ, ASYNC_WRITE];

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Nobody works on it yet.
    Queued,
    /// Somebody does.
    Running,
    /// It is done.
    Complete,
    /// It could not be done.
    Failed,
    /// It was taken back.
    Cancelled,
}

impl JobState {
    /// The state as it is written in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Complete => "complete",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "queued" => Ok(JobState::Queued),
            "running" => Ok(JobState::Running),
            "complete" => Ok(JobState::Complete),
            "failed" => Ok(JobState::Failed),
            "cancelled" => Ok(JobState::Cancelled),
            _ => Err(StoreError::Corrupt(format!("job state `{text}` is not known"))),
        }
    }
}

/// A job to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id: random, for it is all that a status URL holds.
    pub id: String,
    /// What kind of work.
    pub kind: String,
    /// The client that asked.
    pub client_id: String,
    /// What was asked, as JSON.
    pub request: String,
    /// When.
    pub created: Instant,
    /// When it and its files may be cleared away.
    pub expires: Instant,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What kind of work.
    pub kind: String,
    /// The client that asked.
    pub client_id: String,
    /// What was asked, as JSON.
    pub request: String,
    /// Where it stands.
    pub state: JobState,
    /// How far it is, as its worker says it.
    pub progress: Option<String>,
    /// How often it was taken up.
    pub attempts: u32,
    /// When it was asked for.
    pub created: Instant,
    /// When it ended, well or not.
    pub finished: Option<Instant>,
    /// When it may be cleared away.
    pub expires: Instant,
    /// What came of it, as JSON.
    pub result: Option<String>,
}

/// A file that a job made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFile {
    /// Its name within the job: no patient data.
    pub name: String,
    /// The resource type it holds.
    pub type_name: String,
    /// The list of the manifest it belongs to (`output`, `deleted`, `error`).
    pub kind: String,
    /// How many resources it holds.
    pub resources: u64,
    /// Its size.
    pub size_bytes: u64,
}

/// How a job ends well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOutcome {
    /// What came of it, as JSON.
    pub result: String,
    /// Its files.
    pub files: Vec<JobFile>,
    /// For the controller (counts by rule, age of the answer, who asked), as JSON; kept when the job is deleted.
    pub evidence: Option<String>,
    /// What is kept of the request and until when; nothing where both stay as they are.
    pub kept: Option<(String, Instant)>,
}

/// A wish to take up a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The kind of work.
    pub kind: String,
    /// The holder's random text, another for each job it takes up.
    pub lease: String,
    /// Now.
    pub now: Instant,
    /// Until when the job is the holder's, unless it heartbeats.
    pub until: Instant,
    /// A job that was taken up that often before is failed instead: it may be what kills its workers.
    pub attempts_max: u32,
}

const COLUMNS: &str = "id, kind, client_id, request, state, progress, attempts, created, finished, expires, result";

impl Store {
    /// Queues a job.
    pub async fn add_job(&self, job: &NewJob) -> Result<(), StoreError> {
        let insert = Statement::new(
            "INSERT INTO job (id, kind, client_id, request, state, attempts, created, expires) \
             VALUES ($1, $2, $3, $4, 'queued', 0, $5, $6) ON CONFLICT (id) DO NOTHING",
            vec![
                (&job.id).into(),
                (&job.kind).into(),
                (&job.client_id).into(),
                (&job.request).into(),
                job.created.into(),
                job.expires.into(),
            ],
        );
        match self.execute_all(vec![insert]).await?.first() {
            Some(1) => Ok(()),
            _ => Err(StoreError::Conflict("there is a job of that id".to_owned())),
        }
    }

    /// The job of that id.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE id = $1");
        self.query(Statement::new(sql, vec![id.into()])).await?.first().map(job_of).transpose()
    }

    /// How many jobs of those kinds a client has that have not ended.
    pub async fn unended_jobs(&self, client_id: &str, kinds: &[&str]) -> Result<u64, StoreError> {
        let mut count = 0;
        for kind in kinds {
            let sql = "SELECT count(*) FROM job WHERE client_id = $1 AND kind = $2 AND state IN ('queued', 'running')";
            let rows = self.query(Statement::new(sql, vec![client_id.into(), (*kind).into()])).await?;
            count += rows.first().map_or(Ok(0), |row| row.i64(0))?.unsigned_abs();
        }
        Ok(count)
    }

    /// How many jobs of those kinds are kept for a client, ended or not.
    pub async fn kept_jobs(&self, client_id: &str, kinds: &[&str]) -> Result<u64, StoreError> {
        let mut count = 0;
        for kind in kinds {
            let sql = "SELECT count(*) FROM job WHERE client_id = $1 AND kind = $2";
            let rows = self.query(Statement::new(sql, vec![client_id.into(), (*kind).into()])).await?;
            count += rows.first().map_or(Ok(0), |row| row.i64(0))?.unsigned_abs();
        }
        Ok(count)
    }

    /// Clears away the ended jobs of a kind that have expired and have no files.
    pub async fn clear_jobs(&self, kind: &str, now: Instant) -> Result<(), StoreError> {
        let which = "kind = $1 AND expires <= $2 AND state NOT IN ('queued', 'running')";
        let values = vec![kind.into(), now.into()];
        if !self.has_job(which, &values).await? {
            return Ok(());
        }
        self.execute_all(vec![Statement::new(format!("DELETE FROM job WHERE {which}"), values)]).await.map(|_| ())
    }

    /// Whether there is a job like that: a look, which is taken all the time, is none of the writer's business.
    async fn has_job(&self, which: &str, values: &[SqlValue]) -> Result<bool, StoreError> {
        let sql = format!("SELECT 1 FROM job WHERE {which} LIMIT 1");
        Ok(!self.query(Statement::new(sql, values.to_vec())).await?.is_empty())
    }

    /// Takes up the oldest job of a kind that is queued, or whose holder let its lease run out. No two calls get the same.
    pub async fn lease_job(&self, lease: &Lease) -> Result<Option<Job>, StoreError> {
        let is_free = "kind = $1 AND (state = 'queued' OR (state = 'running' AND lease_until < $2))";
        if !self.has_job(is_free, &[(&lease.kind).into(), lease.now.into()]).await? {
            return Ok(None);
        }
        let lease = lease.clone();
        let work = move |transaction: &mut Transaction<'_>| {
            give_up(transaction.session, &lease)?;
            take(transaction.session, &lease)
        };
        self.inner.writer.submit(work).await
    }

    /// Says that the holder is alive and how far it is. `false`: the job is no longer the holder's (cancelled, deleted, taken
    /// over), and it must stop.
    pub async fn heartbeat_job(
        &self,
        id: &str,
        lease: &str,
        until: Instant,
        progress: Option<&str>,
    ) -> Result<bool, StoreError> {
        let update = Statement::new(
            "UPDATE job SET lease_until = $1, progress = $2 WHERE id = $3 AND lease = $4 AND state = 'running'",
            vec![until.into(), progress.into(), id.into(), lease.into()],
        );
        Ok(self.execute_all(vec![update]).await?.first().is_some_and(|changed| *changed > 0))
    }

    /// Ends a job well: result, files and evidence together. A conflict if it is no longer the holder's.
    pub async fn complete_job(
        &self,
        id: &str,
        lease: &str,
        outcome: JobOutcome,
        now: Instant,
    ) -> Result<(), StoreError> {
        let (id, lease) = (id.to_owned(), lease.to_owned());
        let work = move |transaction: &mut Transaction<'_>| {
            let session = &mut *transaction.session;
            end(session, (&id, &lease), JobState::Complete, &outcome.result, now)?;
            if let Some((request, expires)) = &outcome.kept {
                session.execute(&Statement::new(
                    "UPDATE job SET request = $1, expires = $2 WHERE id = $3",
                    vec![request.into(), (*expires).into(), (&id).into()],
                ))?;
            }
            for file in &outcome.files {
                session.execute(&insert_file(&id, file))?;
            }
            if let Some(evidence) = &outcome.evidence {
                session.execute(&Statement::new(
                    "INSERT INTO job_evidence (job_id, kind, client_id, recorded, evidence) \
                     SELECT id, kind, client_id, $1, $2 FROM job WHERE id = $3",
                    vec![now.into(), evidence.into(), (&id).into()],
                ))?;
            }
            Ok(())
        };
        self.inner.writer.submit(work).await
    }

    /// Ends a job badly. A conflict if it is no longer the holder's.
    pub async fn fail_job(&self, id: &str, lease: &str, result: &str, now: Instant) -> Result<(), StoreError> {
        let (id, lease, result) = (id.to_owned(), lease.to_owned(), result.to_owned());
        let work = move |transaction: &mut Transaction<'_>| {
            end(transaction.session, (&id, &lease), JobState::Failed, &result, now)
        };
        self.inner.writer.submit(work).await
    }

    /// Takes a job back that has not ended; its worker learns it with its next heartbeat. Says whether there was one.
    pub async fn cancel_job(&self, id: &str, now: Instant) -> Result<bool, StoreError> {
        let update = Statement::new(
            "UPDATE job SET state = 'cancelled', lease = NULL, lease_until = NULL, finished = $1 \
             WHERE id = $2 AND state IN ('queued', 'running')",
            vec![now.into(), id.into()],
        );
        Ok(self.execute_all(vec![update]).await?.first().is_some_and(|changed| *changed > 0))
    }

    /// Deletes a job and the list of its files; its evidence stays. Says whether there was one.
    pub async fn delete_job(&self, id: &str) -> Result<bool, StoreError> {
        let statements = vec![
            Statement::new("DELETE FROM job_file WHERE job_id = $1", vec![id.into()]),
            Statement::new("DELETE FROM job WHERE id = $1", vec![id.into()]),
        ];
        Ok(self.execute_all(statements).await?.get(1).is_some_and(|changed| *changed > 0))
    }

    /// Jobs that may be cleared away, the oldest first.
    pub async fn expired_jobs(&self, now: Instant, limit: u32) -> Result<Vec<Job>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE expires <= $1 ORDER BY expires, id LIMIT $2");
        self.query(Statement::new(sql, vec![now.into(), limit.into()])).await?.iter().map(job_of).collect()
    }

    /// The files of a job, by name.
    pub async fn job_files(&self, id: &str) -> Result<Vec<JobFile>, StoreError> {
        let sql = "SELECT name, type, kind, resources, size_bytes FROM job_file WHERE job_id = $1 ORDER BY name";
        let file_of = |row: &SqlRow| {
            Ok(JobFile {
                name: row.text(0)?.to_owned(),
                type_name: row.text(1)?.to_owned(),
                kind: row.text(2)?.to_owned(),
                resources: row.i64(3)?.unsigned_abs(),
                size_bytes: row.i64(4)?.unsigned_abs(),
            })
        };
        self.query(Statement::new(sql, vec![id.into()])).await?.iter().map(file_of).collect()
    }
}

/// Fails jobs that were taken up too often and were left again.
fn give_up(session: &mut dyn Session, lease: &Lease) -> Result<(), StoreError> {
    session.execute(&Statement::new(
        "UPDATE job SET state = 'failed', lease = NULL, lease_until = NULL, finished = $1 \
         WHERE kind = $2 AND state = 'running' AND lease_until < $1 AND attempts >= $3",
        vec![lease.now.into(), (&lease.kind).into(), lease.attempts_max.into()],
    ))?;
    Ok(())
}

fn take(session: &mut dyn Session, lease: &Lease) -> Result<Option<Job>, StoreError> {
    let skip_locked = match session.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let sql = format!(
        "UPDATE job SET state = 'running', lease = $1, lease_until = $2, attempts = attempts + 1 WHERE id = (\
         SELECT id FROM job WHERE kind = $3 AND (state = 'queued' OR (state = 'running' AND lease_until < $4)) \
         ORDER BY created, id LIMIT 1 {skip_locked}) RETURNING {COLUMNS}"
    );
    let values = vec![(&lease.lease).into(), lease.until.into(), (&lease.kind).into(), lease.now.into()];
    session.query(&Statement::new(sql, values))?.first().map(job_of).transpose()
}

/// Ends a job that is still the holder's.
pub(crate) fn end(
    session: &mut dyn Session,
    (id, lease): (&str, &str),
    state: JobState,
    result: &str,
    now: Instant,
) -> Result<(), StoreError> {
    let changed = session.execute(&Statement::new(
        "UPDATE job SET state = $1, result = $2, finished = $3, lease = NULL, lease_until = NULL \
         WHERE id = $4 AND lease = $5 AND state = 'running'",
        vec![state.as_str().into(), result.into(), now.into(), id.into(), lease.into()],
    ))?;
    if changed == 0 {
        return Err(StoreError::Conflict("the job is no longer held under this lease".to_owned()));
    }
    Ok(())
}

fn insert_file(id: &str, file: &JobFile) -> Statement {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Statement::new(
        "INSERT INTO job_file (job_id, name, type, kind, resources, size_bytes) VALUES ($1, $2, $3, $4, $5, $6)",
        vec![
            id.into(),
            (&file.name).into(),
            (&file.type_name).into(),
            (&file.kind).into(),
            count(file.resources).into(),
            count(file.size_bytes).into(),
        ],
    )
}

fn job_of(row: &SqlRow) -> Result<Job, StoreError> {
    Ok(Job {
        id: row.text(0)?.to_owned(),
        kind: row.text(1)?.to_owned(),
        client_id: row.text(2)?.to_owned(),
        request: row.text(3)?.to_owned(),
        state: JobState::parse(row.text(4)?)?,
        progress: row.opt_text(5)?.map(str::to_owned),
        attempts: u32::try_from(row.i64(6)?).unwrap_or(u32::MAX),
        created: Instant(row.i64(7)?),
        finished: row.opt_i64(8)?.map(Instant),
        expires: Instant(row.i64(9)?),
        result: row.opt_text(10)?.map(str::to_owned),
    })
}
