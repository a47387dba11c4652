//! The writer of the log: gathers what waits and writes it as one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::absorb::Progress;
use super::chain::link;
use super::journal::Journal;
use super::record::AuditRecord;
use super::table::{Rows, tail};
use crate::error::StoreError;
use crate::sql::Session;
use crate::writer::Opener;

/// How many records share one fsync at most; a larger batch only lengthens the wait of the first.
const BATCH_MAX: usize = 1024;

/// How long a batch waits for records that are sure to come soon: about the time of one flush, which many then share.
const GATHER: Duration = Duration::from_micros(150);

/// A record that waits.
pub(super) struct Append {
    /// The record, patients sorted.
    pub(super) record: AuditRecord,
    /// Its canonical text.
    pub(super) text: Vec<u8>,
    /// Who wants to know.
    pub(super) reply: oneshot::Sender<Result<u64, StoreError>>,
}

/// Records that are written together, each with its canonical text.
type Batch = Vec<(AuditRecord, Vec<u8>)>;

/// Where the log goes.
pub(super) enum Log {
    /// A journal, from which the records come to the tables later.
    Journal(Journal, Arc<Progress>),
    /// The tables, at once: several nodes write them.
    Tables(Opener),
}

/// Writes batches until nobody can send any more.
pub(super) fn serve(mut waiting: mpsc::Receiver<Append>, mut log: Log) {
    let mut session = None;
    let mut batch = Vec::new();
    let mut before = 1;
    while waiting.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        // The callers of the last batch come again: a lone caller never waits, and of many most share a flush.
        if batch.len() < before {
            std::thread::sleep(GATHER);
            batch.extend(std::iter::from_fn(|| waiting.try_recv().ok()).take(BATCH_MAX));
        }
        before = batch.len();
        let (replies, batch): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|append| (append.reply, (append.record, append.text))).unzip();
        match log.write(&mut session, batch) {
            Ok(first) => {
                metrics::counter!("weir_audit_commits_total").increment(1);
                for (seq, reply) in (first..).zip(replies) {
                    // A caller that went away no longer wants to know; its record stands.
                    let _ = reply.send(Ok(seq));
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "the audit log cannot be written: requests are refused");
                for reply in replies {
                    let _ = reply.send(Err(error.share()));
                }
            }
        }
    }
    if let Log::Journal(_, progress) = log {
        progress.end();
    }
}

impl Log {
    /// Writes a batch durably, to tables over this connection, and gives the place of its first record.
    fn write(&mut self, session: &mut Option<Box<dyn Session>>, batch: Batch) -> Result<u64, StoreError> {
        match self {
            Log::Journal(journal, progress) => {
                let first = journal.append(batch.iter().map(|(_, text)| text.as_slice()))?;
                progress.wrote(journal.at().seq);
                Ok(first)
            }
            Log::Tables(opener) => {
                let mut current = session.take().map_or_else(&*opener, Ok)?;
                let outcome = in_transaction(current.as_mut(), batch);
                // After a failure the connection is used again only if the transaction is surely over.
                if outcome.is_ok() || current.command("ROLLBACK").is_ok() {
                    *session = Some(current);
                }
                outcome
            }
        }
    }
}

fn in_transaction(session: &mut dyn Session, batch: Batch) -> Result<u64, StoreError> {
    session.command("BEGIN")?;
    // Whoever holds this lock holds the end of the chain; it goes with the transaction.
    session.command("SELECT pg_advisory_xact_lock(hashtext(current_schema()), 7319)")?;
    let end = tail(session)?;
    let mut hash = end.hash;
    let mut rows = Rows::default();
    for (seq, (record, text)) in (end.seq + 1..).zip(batch) {
        hash = link(&hash, seq, &text);
        rows.push(seq, &hash, record, text);
    }
    rows.insert(session)?;
    session.command("COMMIT")?;
    Ok(end.seq + 1)
}
