//! Verifying the chain: the first place where the log is not what was written.

use std::ops::RangeInclusive;

use super::chain::{CHAIN_START, ChainHash, from_column, hash_of, link, to_column};
use super::log::Audit;
use super::record::AuditRecord;
use crate::error::StoreError;
use crate::sql::{Session, SqlRow, SqlValue, Statement};

/// Records looked at in one read.
const STEP: u64 = 1000;

/// What is wrong at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainFault {
    /// There is no record.
    Missing,
    /// The hash does not follow from the record and the hash before.
    Hash,
    /// A column used to find the record does not say what the record says.
    Column,
    /// The index by patient does not say what the record says.
    PatientIndex,
}

/// The first broken link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainBreak {
    /// The place.
    pub seq: u64,
    /// What is wrong there.
    pub fault: ChainFault,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerified {
    /// How many records are sound, from the start of the range.
    pub sound: u64,
    /// The last sound place and its hash.
    pub tail: (u64, ChainHash),
    /// The first broken link, if any.
    pub broken: Option<ChainBreak>,
}

impl Audit {
    /// Verifies the whole log.
    pub async fn verify(&self) -> Result<AuditVerified, StoreError> {
        let (last, _) = self.tail().await?;
        self.verify_range(1..=last).await
    }

    /// Verifies a range of places; the hash just before the range is taken on trust.
    pub async fn verify_range(&self, range: RangeInclusive<u64>) -> Result<AuditVerified, StoreError> {
        let (start, last) = (*range.start().max(&1), *range.end());
        let mut verified = AuditVerified { sound: 0, tail: (start - 1, self.hash_at(start - 1).await?), broken: None };
        while verified.broken.is_none() && verified.tail.0 < last {
            let (after, hash) = verified.tail;
            let until = last.min(after + STEP);
            let step = self.query(move |session| verify_step(session, after, until, hash)).await?;
            verified.sound += step.sound;
            verified.tail = step.tail;
            verified.broken = step.broken;
        }
        Ok(verified)
    }

    async fn hash_at(&self, seq: u64) -> Result<ChainHash, StoreError> {
        if seq == 0 {
            return Ok(CHAIN_START);
        }
        let statement = Statement::new("SELECT hash FROM audit WHERE seq = $1", vec![to_column(seq).into()]);
        let rows = self.query(move |session| session.query(&statement)).await?;
        let row = rows.first().ok_or_else(|| StoreError::NotFound(format!("audit record {seq}")))?;
        hash_of(&row.bytes(0)?, seq)
    }
}

fn verify_step(
    session: &mut dyn Session,
    after: u64,
    until: u64,
    mut hash: ChainHash,
) -> Result<AuditVerified, StoreError> {
    let between: Vec<SqlValue> = vec![to_column(after).into(), to_column(until).into()];
    let rows = session.query(&Statement::new(
        "SELECT seq, recorded, client_id, record, hash FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq",
        between,
    ))?;
    let mut verified = AuditVerified { sound: 0, tail: (after, hash), broken: None };
    let mut rows = rows.iter();
    for seq in after + 1..=until {
        let fault = match rows.next() {
            Some(row) if from_column(row.i64(0)?)? == seq => check(session, row, seq, &mut hash)?,
            _ => Some(ChainFault::Missing),
        };
        if let Some(fault) = fault {
            verified.broken = Some(ChainBreak { seq, fault });
            return Ok(verified);
        }
        verified.sound += 1;
        verified.tail = (seq, hash);
    }
    Ok(verified)
}

fn check(
    session: &mut dyn Session,
    row: &SqlRow,
    seq: u64,
    hash: &mut ChainHash,
) -> Result<Option<ChainFault>, StoreError> {
    let text = row.bytes(3)?;
    let expected = link(hash, seq, &text);
    if row.bytes(4)?.as_ref() != expected {
        return Ok(Some(ChainFault::Hash));
    }
    let Ok(record) = serde_json::from_slice::<AuditRecord>(&text) else {
        return Ok(Some(ChainFault::Column));
    };
    if row.i64(1)? != record.recorded.0 || row.opt_text(2)? != record.client_id.as_deref() {
        return Ok(Some(ChainFault::Column));
    }
    for patient in &record.patients {
        let statement = Statement::new(
            "SELECT 1 FROM audit_patient WHERE patient_id = $1 AND seq = $2",
            vec![patient.into(), to_column(seq).into()],
        );
        if session.query(&statement)?.is_empty() {
            return Ok(Some(ChainFault::PatientIndex));
        }
    }
    *hash = expected;
    Ok(None)
}
