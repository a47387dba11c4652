//! Writes of resources: prepared by the caller's thread, applied by the writer in one transaction.

use std::sync::Arc;

use bytes::Bytes;
use policy::Grant;
use search::Registry;

use crate::apply::Apply;
use crate::batch::{WriteBatch, WriteOp, WriteStatus, Written};
pub(crate) use crate::body::parse_stored;
use crate::error::StoreError;
use crate::messages;
use crate::open::Store;
use crate::prepare::{Prepared, prepare};
use crate::transaction::Transaction;

/// Writes that are prepared on the caller's own thread; more go to one that may take its time.
const INLINE_MAX: usize = 8;

impl Store {
    /// Writes all or nothing; durable when it returns. Each write is checked against the grant inside the transaction.
    pub async fn write(&self, grant: &Grant, batch: WriteBatch) -> Result<Vec<Written>, StoreError> {
        let registry = Arc::clone(&self.inner.registry);
        let count = batch.ops.len();
        let prepared = if count <= INLINE_MAX {
            prepare(batch, &registry)
        } else {
            let stopped = |error: tokio::task::JoinError| StoreError::Unavailable(error.to_string());
            tokio::task::spawn_blocking(move || prepare(batch, &registry)).await.map_err(stopped)?
        };
        let prepared = Arc::new(prepared);
        let (grant, registry, batch) = (grant.clone(), Arc::clone(&self.inner.registry), Arc::clone(&prepared));
        let work = move |transaction: &mut Transaction<'_>| {
            let message = match &batch.message {
                None => None,
                Some(message) => {
                    let kept = messages::record(transaction.session, message, transaction.now)?;
                    let key = kept.ok_or(StoreError::Duplicate)?;
                    transaction.direct();
                    Some(key)
                }
            };
            let written = Apply::new(transaction, &grant, &registry, &batch)?.run()?;
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
        let mut written = self.inner.writer.submit_writes(count, work).await?;
        for (op, done) in prepared.ops.iter().zip(&mut written) {
            if let (Prepared::Put(put), WriteStatus::Created | WriteStatus::Updated) = (op, done.status) {
                done.body = Bytes::from(fhir::resource::fill_stamp(&put.unstamped, done.version, done.last_updated));
            }
        }
        Ok(written)
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
    registry: &Registry,
    names: Vec<(String, String)>,
) -> Result<(), StoreError> {
    let delete = |(type_name, id)| WriteOp::Delete { type_name, id, if_match: None };
    let ops = names.into_iter().map(delete).collect();
    let batch = prepare(WriteBatch::new(ops, policy::Source::default()), registry);
    Apply::new(transaction, grant, registry, &batch)?.run()?;
    transaction.flush()
}
