//! The log as tables: `audit` and its index by patient.

use super::chain::{CHAIN_START, ChainHash, from_column, hash_of, to_column};
use super::journal::Link;
use super::record::AuditRecord;
use crate::error::StoreError;
use crate::sql::{Column, Session, SqlValue, Statement, Table};

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

/// Rows of both tables, gathered.
#[derive(Default)]
pub(super) struct Rows {
    records: Vec<Vec<SqlValue>>,
    patients: Vec<(String, i64)>,
}

impl Rows {
    /// Adds a record at a place.
    pub(super) fn push(&mut self, seq: u64, hash: &ChainHash, record: AuditRecord, text: Vec<u8>) {
        let place = to_column(seq);
        self.patients.extend(record.patients.into_iter().map(|patient| (patient, place)));
        let client_id = record.client_id.into();
        self.records.push(vec![place.into(), record.recorded.into(), client_id, text.into(), hash.to_vec().into()]);
    }

    /// Inserts them, those of one patient side by side.
    pub(super) fn insert(mut self, session: &mut dyn Session) -> Result<(), StoreError> {
        self.patients.sort_unstable();
        let patients = self.patients.into_iter().map(|(patient, place)| vec![patient.into(), place.into()]);
        session.insert(&AUDIT, self.records)?;
        session.insert(&AUDIT_PATIENT, patients.collect())
    }
}

/// The last place and hash.
pub(super) fn tail(session: &mut dyn Session) -> Result<Link, StoreError> {
    let statement = Statement::new("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", Vec::new());
    let rows = session.query(&statement)?;
    let Some(row) = rows.first() else { return Ok(Link { seq: 0, hash: CHAIN_START }) };
    let seq = from_column(row.i64(0)?)?;
    Ok(Link { seq, hash: hash_of(&row.bytes(1)?, seq)? })
}
