//! The writer of the log: gathers what waits and commits it as one.

use tokio::sync::{mpsc, oneshot};

use super::chain::{CHAIN_START, ChainHash, from_column, hash_of, link, to_column};
use super::record::AuditRecord;
use crate::error::StoreError;
use crate::sql::{Column, Dialect, Session, SqlValue, Statement, Table};
use crate::writer::Opener;

/// How many records share one fsync at most; a larger batch only lengthens the wait of the first.
const BATCH_MAX: usize = 1024;

static AUDIT: Table = Table {
    name: "audit",
    columns: &[
        ("seq", Column::I64),
        ("recorded", Column::I64),
        ("client_id", Column::Text),
        ("record", Column::Bytes),
        ("hash", Column::Bytes),
    ],
};

static AUDIT_PATIENT: Table =
    Table { name: "audit_patient", columns: &[("patient_id", Column::Text), ("seq", Column::I64)] };

/// A record that waits.
pub(super) struct Append {
    /// The record, patients sorted.
    pub(super) record: AuditRecord,
    /// Its canonical text.
    pub(super) text: Vec<u8>,
    /// Who wants to know.
    pub(super) reply: oneshot::Sender<Result<u64, StoreError>>,
}

/// Writes batches until nobody can send any more.
pub(super) fn serve(mut waiting: mpsc::Receiver<Append>, opener: &Opener) {
    let mut session: Option<Box<dyn Session>> = None;
    let mut batch = Vec::new();
    while waiting.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let outcome = write_batch(&mut session, opener, &mut batch);
        match outcome {
            Ok(first) => {
                for (seq, append) in (first..).zip(batch.drain(..)) {
                    // A caller that went away no longer wants to know; its record stands.
                    let _ = append.reply.send(Ok(seq));
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "the audit log cannot be written: requests are refused");
                for append in batch.drain(..) {
                    let _ = append.reply.send(Err(error.share()));
                }
            }
        }
    }
}

/// Writes a batch in one transaction and gives the place of its first record.
fn write_batch(
    session: &mut Option<Box<dyn Session>>,
    opener: &Opener,
    batch: &mut [Append],
) -> Result<u64, StoreError> {
    let mut current = session.take().map_or_else(opener, Ok)?;
    let outcome = in_transaction(current.as_mut(), batch);
    // After a failure the connection is used again only if the transaction is surely over.
    if outcome.is_ok() || current.command("ROLLBACK").is_ok() {
        *session = Some(current);
    }
    outcome
}

fn in_transaction(session: &mut dyn Session, batch: &mut [Append]) -> Result<u64, StoreError> {
    match session.dialect() {
        // Takes the write lock at once: another process may append too (a command run beside the server).
        Dialect::Sqlite => session.command("BEGIN IMMEDIATE")?,
        Dialect::Postgres => {
            session.command("BEGIN")?;
            // Whoever holds this lock holds the end of the chain; it goes with the transaction.
            session.command("SELECT pg_advisory_xact_lock(hashtext(current_schema()), 7319)")?;
        }
    }
    let (tail, mut hash) = tail(session)?;
    let mut records = Vec::with_capacity(batch.len());
    let mut patients = Vec::new();
    for (seq, append) in (tail + 1..).zip(batch) {
        let text = std::mem::take(&mut append.text);
        hash = link(&hash, seq, &text);
        let place = SqlValue::I64(to_column(seq));
        for patient in &append.record.patients {
            patients.push(vec![patient.into(), place.clone()]);
        }
        let client_id = append.record.client_id.take().into();
        records.push(vec![place, append.record.recorded.into(), client_id, text.into(), hash.to_vec().into()]);
    }
    session.insert(&AUDIT, records)?;
    session.insert(&AUDIT_PATIENT, patients)?;
    session.command("COMMIT")?;
    metrics::counter!("weir_audit_commits_total").increment(1);
    Ok(tail + 1)
}

/// The last place and hash.
pub(super) fn tail(session: &mut dyn Session) -> Result<(u64, ChainHash), StoreError> {
    let statement = Statement::new("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", Vec::new());
    let rows = session.query(&statement)?;
    let Some(row) = rows.first() else { return Ok((0, CHAIN_START)) };
    let seq = from_column(row.i64(0)?)?;
    Ok((seq, hash_of(&row.bytes(1)?, seq)?))
}
