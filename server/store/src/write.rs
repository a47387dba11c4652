//! Writes of resources: prepared by the caller's thread, applied by the writer in one transaction.

use std::sync::Arc;

use bytes::Bytes;
use policy::Grant;

use crate::apply::Apply;
use crate::batch::{WriteBatch, WriteOp, WriteStatus, Written};
pub(crate) use crate::body::parse_stored;
use crate::error::StoreError;
use crate::messages;
use crate::open::Store;
use crate::parameters::Known;
use crate::prepare::{Prepared, prepare};
use crate::transaction::Transaction;

/// Writes that are prepared on the caller's own thread; more go to one that may take its time.
const INLINE_MAX: usize = 8;
/// How often a write is prepared again because the search parameters changed meanwhile.
const ATTEMPTS_MAX: u32 = 8;

impl Store {
    /// Writes all or nothing; durable when it returns. Each write is checked against the grant inside the transaction.
    pub async fn write(&self, grant: &Grant, batch: WriteBatch) -> Result<Vec<Written>, StoreError> {
        let mut batch = batch;
        for _ in 0..ATTEMPTS_MAX {
            match self.write_once(grant, batch).await? {
                Ok(written) => return Ok(written),
                Err(again) => batch = again,
            }
            self.refresh_parameters().await?;
        }
        Err(StoreError::Busy)
    }

    /// The inner error is the batch again, when the search parameters changed while it was prepared.
    async fn write_once(
        &self,
        grant: &Grant,
        batch: WriteBatch,
    ) -> Result<Result<Vec<Written>, WriteBatch>, StoreError> {
        let known = self.inner.parameters.current();
        let count = batch.ops.len();
        let registry = Arc::clone(&known.registry);
        let prepared = if count <= INLINE_MAX {
            prepare(batch, &registry)
        } else {
            let stopped = |error: tokio::task::JoinError| StoreError::Unavailable(error.to_string());
            tokio::task::spawn_blocking(move || prepare(batch, &registry)).await.map_err(stopped)?
        };
        let prepared = Arc::new(prepared);
        prepared.queries().try_for_each(|query| known.check(query))?;
        let (grant, batch) = (grant.clone(), Arc::clone(&prepared));
        let work = move |transaction: &mut Transaction<'_>| {
            if transaction.numbers.parameter_generation != known.generation {
                return Err(StoreError::Outdated);
            }
            let message = match &batch.message {
                None => None,
                Some(message) => {
                    let kept = messages::record(transaction.session, message, transaction.now)?;
                    let key = kept.ok_or(StoreError::Duplicate)?;
                    transaction.direct();
                    Some(key)
                }
            };
            let written = Apply::new(transaction, &grant, &known, &batch)?.run()?;
            crate::parameters::register(transaction, &known.registry, (&batch.ops, &written))?;
            if let (Some(key), Some(message)) = (message, &batch.message) {
                messages::link(transaction.session, key, message, &written)?;
                crate::units::replace(transaction.session, key, &batch.units)?;
            }
            for review in &batch.reviews {
                transaction.direct();
                crate::reviews::open(transaction.session, review)?;
            }
            Ok(written)
        };
        let mut written = match self.inner.writer.submit_writes(count, work).await {
            // The writer has let go of its share before it answers.
            Err(StoreError::Outdated) => {
                let batch = Arc::into_inner(prepared).ok_or(StoreError::Busy)?;
                return Ok(Err(batch.unprepared()));
            }
            outcome => outcome?,
        };
        if prepared.ops.iter().any(Prepared::is_search_parameter) {
            self.refresh_parameters().await?;
        }
        for (op, done) in prepared.ops.iter().zip(&mut written) {
            let Prepared::Put(put) = op else { continue };
            // What a conditional create found is about others.
            if done.id == put.id {
                done.add_patients(prepared.patients_of(put));
            }
            if matches!(done.status, WriteStatus::Created | WriteStatus::Updated) {
                done.body = Bytes::from(fhir::resource::fill_stamp(&put.unstamped, done.version, done.last_updated));
            }
        }
        Ok(Ok(written))
    }

    /// How many transactions the writer of this process has committed: with the number of requests, how many share one fsync.
    pub fn commits(&self) -> u64 {
        self.inner.writer.commits()
    }
}

/// Deletes resources inside a transaction that does more; one that is deleted already is left so.
pub(crate) fn delete_all(
    transaction: &mut Transaction<'_>,
    grant: &Grant,
    known: &Known,
    names: Vec<(String, String)>,
) -> Result<(), StoreError> {
    let delete = |(type_name, id)| WriteOp::Delete { type_name, id, if_match: None };
    let ops = names.into_iter().map(delete).collect();
    let batch = prepare(WriteBatch::new(ops, policy::Source::default()), &known.registry);
    Apply::new(transaction, grant, known, &batch)?.run()?;
    transaction.flush()
}
