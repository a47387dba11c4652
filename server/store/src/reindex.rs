//! `$reindex`: gives earlier resources the index rows of search parameters that came after them.
//!
//! A job reads resources in the order of their keys, a few at a time, and adds their rows through the one writer, with how far it is in the
//! same transaction: whoever takes the job up after a crash goes on from there. What is written meanwhile has its rows from its own write,
//! so a resource that changed since it was read is passed over. Rows that are there already are left alone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fhir::Instant;
use policy::Grant;
use serde::{Deserialize, Serialize};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::IndexRow;
use crate::intern::Names;
use crate::jobs::{self, Job, JobState, Lease, NewJob};
use crate::open::Store;
use crate::parameters::{Known, Listed};
use crate::prepare::indexed;
use crate::sql::Statement;
use crate::transaction::Transaction;
use crate::version_row::{StoredVersion, version_columns};

/// The kind of these jobs.
const KIND: &str = "reindex";
/// Resources in one transaction: some milliseconds of the writer.
const CHUNK: u32 = 200;
/// How long a job is a worker's without a sign of life; each chunk is one.
const LEASE_MS: i64 = 30_000;
/// A job that was taken up that often is failed; each time it goes on where it was.
const ATTEMPTS_MAX: u32 = 20;
/// How long the outcome of a job can be looked at: a week.
const LIFE_MS: i64 = 7 * 24 * 3_600_000;
/// Between two tries while other writes fill the queue.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(50);

/// What is to be indexed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReindexRequest {
    /// Resource types; all when there is none.
    pub types: Vec<String>,
    /// Canonical URLs of SearchParameters; when there is none, all that do not find everything yet.
    pub parameters: Vec<String>,
}

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReindexProgress {
    /// Resources that were looked at.
    pub resources: u64,
    /// About how many there are to look at.
    pub total: u64,
    /// Canonical URLs of the search parameters.
    pub parameters: Vec<String>,
    /// Key of the last resource that was looked at.
    after: i64,
    /// Key of the last resource to look at.
    last: i64,
    /// The meaning of each search parameter: see [`Listed::registered`].
    registered: Vec<i64>,
    types: Vec<String>,
}

/// What came of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReindexOutcome {
    /// Resources that were looked at.
    pub resources: u64,
    /// Canonical URLs of search parameters that now find every resource of the types asked for.
    pub indexed: Vec<String>,
    /// Those that changed or went meanwhile.
    pub changed: Vec<String>,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReindexStatus {
    /// Nobody has begun.
    Queued,
    /// It is under way.
    Running(ReindexProgress),
    /// It is done.
    Complete(ReindexOutcome),
    /// It was given up.
    Failed,
}

/// Resources read, with their rows.
struct Chunk {
    names: Names,
    /// Key, commit number and rows.
    resources: Vec<(i64, i64, Vec<IndexRow>)>,
    /// Key of the last of them.
    last: i64,
}

impl Store {
    /// Queues a job under a random id. What it names must be there.
    pub async fn queue_reindex(&self, id: &str, client_id: &str, request: &ReindexRequest) -> Result<(), StoreError> {
        let definitions = self.registry().definitions().clone();
        if request.types.iter().any(|name| !definitions.is_resource_type(name)) {
            return Err(StoreError::Invalid(
                "`type` names something that is not a resource type of FHIR R4".to_owned(),
            ));
        }
        let listed = self.read_inline(|session| Listed::all(session)).await?;
        if request.parameters.iter().any(|url| !listed.iter().any(|one| one.definition.url == *url)) {
            let message = "`parameter` names no active SearchParameter of this server by its url";
            return Err(StoreError::Invalid(message.to_owned()));
        }
        let now = (self.inner.clock)();
        let sql = "DELETE FROM job WHERE kind = $1 AND expires <= $2 AND state NOT IN ('queued', 'running')";
        self.execute_all(vec![Statement::new(sql, vec![KIND.into(), now.into()])]).await?;
        let job = NewJob {
            id: id.to_owned(),
            kind: KIND.to_owned(),
            client_id: client_id.to_owned(),
            request: json(request)?,
            created: now,
            expires: Instant(now.0.saturating_add(LIFE_MS)),
        };
        self.add_job(&job).await
    }

    /// Where a job of that id stands; nothing when there is none.
    pub async fn reindex_status(&self, id: &str) -> Result<Option<ReindexStatus>, StoreError> {
        let Some(job) = self.job(id).await?.filter(|job| job.kind == KIND) else { return Ok(None) };
        Ok(Some(match job.state {
            JobState::Queued => ReindexStatus::Queued,
            JobState::Running => match &job.progress {
                None => ReindexStatus::Queued,
                Some(progress) => ReindexStatus::Running(parse(progress)?),
            },
            JobState::Complete => ReindexStatus::Complete(parse(job.result.as_deref().unwrap_or_default())?),
            JobState::Failed | JobState::Cancelled => ReindexStatus::Failed,
        }))
    }

    /// Takes up a job, if there is one, and runs it until it is done, or until it is asked to stop: then somebody else goes on. Says whether
    /// there was one. `lease` is a random text; only for the server's own work.
    pub async fn work_reindex(
        &self,
        grant: &Grant,
        lease: &str,
        is_stopped: impl Fn() -> bool,
    ) -> Result<bool, StoreError> {
        if !grant.is_system() {
            return Err(StoreError::Denied(policy::Denied::new("system-only", "indexing is the server's own work")));
        }
        let now = (self.inner.clock)();
        let wish = Lease {
            kind: KIND.to_owned(),
            lease: lease.to_owned(),
            now,
            until: Instant(now.0.saturating_add(LEASE_MS)),
            attempts_max: ATTEMPTS_MAX,
        };
        let Some(job) = self.lease_job(&wish).await? else { return Ok(false) };
        let held = Arc::new((job.id.clone(), lease.to_owned()));
        match self.run(&job, &held, is_stopped).await {
            // The lease runs out by itself, and the job is taken up again.
            Err(error) => tracing::warn!(%error, job = job.id, "reindexing was interrupted"),
            Ok(()) => tracing::info!(job = job.id, "reindexing ended"),
        }
        Ok(true)
    }

    async fn run(
        &self,
        job: &Job,
        held: &Arc<(String, String)>,
        is_stopped: impl Fn() -> bool,
    ) -> Result<(), StoreError> {
        let mut progress = match &job.progress {
            Some(progress) => parse(progress)?,
            None => {
                while self.clear_retired_parameters().await? {
                    if is_stopped() || !self.hold(held, None, LEASE_MS).await? {
                        return self.hold(held, None, -1).await.map(|_| ());
                    }
                }
                self.begin(held, parse(&job.request)?).await?
            }
        };
        while progress.after < progress.last {
            if is_stopped() {
                return self.hold(held, Some(&progress), -1).await.map(|_| ());
            }
            progress = match self.step(held, progress.clone()).await {
                Err(StoreError::Busy) => {
                    tokio::time::sleep(PATIENCE).await;
                    continue;
                }
                Err(StoreError::Outdated) => {
                    self.refresh_parameters().await?;
                    continue;
                }
                next => next?,
            };
        }
        self.finish(held, progress).await
    }

    /// Says that the holder is alive, and for how long from now; less than nothing gives the job back.
    async fn hold(
        &self,
        held: &(String, String),
        progress: Option<&ReindexProgress>,
        for_ms: i64,
    ) -> Result<bool, StoreError> {
        let until = Instant((self.inner.clock)().0.saturating_add(for_ms));
        let progress = progress.map(json).transpose()?;
        self.heartbeat_job(&held.0, &held.1, until, progress.as_deref()).await
    }

    /// Decides what is indexed, once.
    async fn begin(
        &self,
        held: &Arc<(String, String)>,
        request: ReindexRequest,
    ) -> Result<ReindexProgress, StoreError> {
        let (inner, held) = (Arc::clone(&self.inner), Arc::clone(held));
        let work = move |transaction: &mut Transaction<'_>| {
            transaction.flush()?;
            let known = inner.parameters.within(transaction.session, transaction.numbers.parameter_generation)?;
            let definitions = known.registry.definitions();
            let is_wanted = |name: &String| request.types.is_empty() || request.types.contains(name);
            let mut progress =
                ReindexProgress { last: transaction.numbers.last_target_key(), ..ReindexProgress::default() };
            for one in Listed::all(transaction.session)? {
                let is_named = request.parameters.contains(&one.definition.url);
                let types: Vec<String> = match request.parameters.is_empty() {
                    true => one.unindexed.iter().filter(|name| is_wanted(name)).cloned().collect(),
                    false if is_named => one.types(definitions).filter(|name| is_wanted(name)).cloned().collect(),
                    false => Vec::new(),
                };
                if !types.is_empty() {
                    progress.parameters.push(one.definition.url.clone());
                    progress.registered.push(one.registered);
                    progress.types.extend(types);
                }
            }
            progress.types.sort_unstable();
            progress.types.dedup();
            if progress.parameters.is_empty() {
                progress.last = 0;
            }
            let sql = "SELECT type, live FROM resource_count";
            for row in transaction.session.query(&Statement::new(sql, Vec::new()))? {
                if progress.types.iter().any(|name| row.text(0).is_ok_and(|found| found == name)) {
                    progress.total += row.i64(1)?.unsigned_abs();
                }
            }
            note(transaction, &held, &progress)?;
            Ok(progress)
        };
        self.inner.writer.submit(work).await
    }

    /// Indexes the next resources.
    async fn step(
        &self,
        held: &Arc<(String, String)>,
        mut progress: ReindexProgress,
    ) -> Result<ReindexProgress, StoreError> {
        let (known, before) = (self.inner.parameters.current(), progress.clone());
        let generation = known.generation;
        let chunk = self.read_unbounded(move |session| {
            let mut sql = Builder::new(session.dialect());
            sql.push(concat!(
                "SELECT ",
                version_columns!("r"),
                " FROM resource r WHERE r.deleted = 0 AND r.res_key > "
            ));
            sql.bind(before.after).push(" AND r.res_key <= ").bind(before.last).push(" AND r.type IN (");
            sql.bind_list(before.types.iter()).push(") ORDER BY r.res_key LIMIT ").bind(i64::from(CHUNK));
            let rows = session.query(&sql.build())?;
            let is_last = rows.len() < CHUNK as usize;
            let versions = rows.into_iter().map(StoredVersion::from_row).collect::<Result<Vec<_>, _>>()?;
            let mut chunk = chunk(&versions, &known, &before);
            if is_last {
                chunk.last = before.last;
            }
            Ok(chunk)
        });
        let chunk = chunk.await?;
        let after = progress.after;
        progress.after = chunk.last;
        progress.resources += chunk.resources.len() as u64;
        let (held, next) = (Arc::clone(held), progress.clone());
        let work = move |transaction: &mut Transaction<'_>| {
            if transaction.numbers.parameter_generation != generation {
                return Err(StoreError::Outdated);
            }
            transaction.flush()?;
            note(transaction, &held, &next)?;
            let sql = "SELECT res_key, commit_seq FROM resource WHERE res_key > $1 AND res_key <= $2 AND deleted = 0";
            let rows = transaction.session.query(&Statement::new(sql, vec![after.into(), next.after.into()]))?;
            let current = rows.iter().map(|row| Ok((row.i64(0)?, row.i64(1)?)));
            let current = current.collect::<Result<HashMap<i64, i64>, StoreError>>()?;
            let keys = transaction.keys(chunk.names.list())?;
            for (res_key, commit_seq, rows) in &chunk.resources {
                if current.get(res_key) == Some(commit_seq) {
                    for (table, values) in rows.iter().map(|row| row.resolve(&keys, *res_key)) {
                        transaction.pending.add(table, values);
                    }
                }
            }
            Ok(())
        };
        self.inner.writer.submit(work).await?;
        Ok(progress)
    }

    /// Opens the parameters to searches, if they still are what they were.
    async fn finish(&self, held: &Arc<(String, String)>, progress: ReindexProgress) -> Result<(), StoreError> {
        let (now, held) = ((self.inner.clock)(), Arc::clone(held));
        let work = move |transaction: &mut Transaction<'_>| {
            let mut outcome = ReindexOutcome { resources: progress.resources, ..ReindexOutcome::default() };
            let listed = Listed::all(transaction.session)?;
            for (url, registered) in progress.parameters.iter().zip(&progress.registered) {
                let found = listed.iter().find(|one| one.definition.url == *url && one.registered == *registered);
                let is_indexed = match found {
                    Some(one) => one.set_indexed(transaction.session, &progress.types)?,
                    None => false,
                };
                if is_indexed { &mut outcome.indexed } else { &mut outcome.changed }.push(url.clone());
            }
            if !outcome.indexed.is_empty() {
                transaction.numbers.parameter_generation += 1;
            }
            let (id, lease) = (&held.0, &held.1);
            jobs::end(transaction.session, (id, lease), JobState::Complete, &json(&outcome)?, now)
        };
        self.inner.writer.submit(work).await?;
        self.refresh_parameters().await
    }
}

/// The rows of the job's parameters.
fn chunk(versions: &[StoredVersion], known: &Known, progress: &ReindexProgress) -> Chunk {
    let of_type = |name: &String| {
        let ids = progress.parameters.iter().map(|url| search::param_id(url));
        ids.map(|id| crate::index_row::param_key(name, id)).collect::<Vec<_>>()
    };
    let wanted: HashSet<i64> = progress.types.iter().flat_map(of_type).collect();
    let mut chunk = Chunk { names: Names::default(), resources: Vec::new(), last: progress.after };
    for version in versions {
        chunk.last = version.res_key;
        let Ok(json) = crate::body::parse_stored(&version.body) else {
            tracing::error!(id = version.facts.id, "a stored body cannot be read; weir check tells more");
            continue;
        };
        let mut rows = indexed(&json, &known.registry, &mut chunk.names).rows;
        rows.retain(|row| row.param().is_some_and(|param| wanted.contains(&param)));
        chunk.resources.push((version.res_key, version.commit_seq, rows));
    }
    chunk
}

/// Keeps how far the job is, and that somebody is at it; a conflict when somebody else is.
fn note(
    transaction: &mut Transaction<'_>,
    held: &(String, String),
    progress: &ReindexProgress,
) -> Result<(), StoreError> {
    let until = Instant(transaction.now.0.saturating_add(LEASE_MS));
    let sql = "UPDATE job SET lease_until = $1, progress = $2 WHERE id = $3 AND lease = $4 AND state = 'running'";
    let values = vec![until.into(), json(progress)?.into(), (&held.0).into(), (&held.1).into()];
    if transaction.session.execute(&Statement::new(sql, values))? == 0 {
        return Err(StoreError::Conflict("the job is no longer held under this lease".to_owned()));
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a reindex job cannot be read".to_owned()))
}
