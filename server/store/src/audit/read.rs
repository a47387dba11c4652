//! Reading the log, for the controller.

use fhir::Instant;

use super::chain::{ChainHash, from_column, hash_of, to_column};
use super::log::Audit;
use super::record::{AuditEntry, AuditRecord};
use super::table;
use crate::error::StoreError;
use crate::sql::{SqlRow, SqlValue, Statement};

/// Records on one page at most.
const PAGE_MAX: u32 = 1000;

/// Which records are wanted; all that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this patient (logical id).
    pub patient: Option<String>,
    /// By this client.
    pub client_id: Option<String>,
    /// At this moment or later.
    pub since: Option<Instant>,
    /// Before this moment.
    pub until: Option<Instant>,
}

/// Some records in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The records.
    pub entries: Vec<AuditEntry>,
    /// Where the next page goes on, if there may be one: the `after` of the next call.
    pub next: Option<u64>,
}

impl Audit {
    /// The records after a place (0 = from the beginning), oldest first, at most `count` (and at most 1000) of them.
    pub async fn page(&self, filter: &AuditFilter, after: u64, count: u32) -> Result<AuditPage, StoreError> {
        let count = count.clamp(1, PAGE_MAX);
        let statement = page_statement(filter, after, count);
        let rows = self.query(move |session| session.query(&statement)).await?;
        let entries = rows.iter().map(entry_of).collect::<Result<Vec<_>, _>>()?;
        let is_full = entries.len() >= count as usize;
        let next = entries.last().filter(|_| is_full).map(|entry| entry.seq);
        Ok(AuditPage { entries, next })
    }

    /// The last place and its hash (0 and [`super::CHAIN_START`] of an empty log). Noted elsewhere, it later shows whether the
    /// end of the log was cut off, which the chain alone cannot.
    pub async fn tail(&self) -> Result<(u64, ChainHash), StoreError> {
        let end = self.query(table::tail).await?;
        Ok((end.seq, end.hash))
    }
}

fn page_statement(filter: &AuditFilter, after: u64, count: u32) -> Statement {
    let mut values: Vec<SqlValue> = Vec::new();
    let mut bind = |value: SqlValue| {
        values.push(value);
        format!("${}", values.len())
    };
    let mut from = "audit a".to_owned();
    let mut conditions = Vec::new();
    if let Some(patient) = &filter.patient {
        from.push_str(" JOIN audit_patient p ON p.seq = a.seq");
        conditions.push(format!(
            "p.patient_id = {} AND p.seq > {}",
            bind(patient.into()),
            bind(to_column(after).into())
        ));
    } else {
        conditions.push(format!("a.seq > {}", bind(to_column(after).into())));
    }
    if let Some(client_id) = &filter.client_id {
        conditions.push(format!("a.client_id = {}", bind(client_id.into())));
    }
    if let Some(since) = filter.since {
        conditions.push(format!("a.recorded >= {}", bind(since.into())));
    }
    if let Some(until) = filter.until {
        conditions.push(format!("a.recorded < {}", bind(until.into())));
    }
    let sql = format!(
        "SELECT a.seq, a.record, a.hash FROM {from} WHERE {} ORDER BY a.seq LIMIT {}",
        conditions.join(" AND "),
        bind(count.into())
    );
    Statement::new(sql, values)
}

fn entry_of(row: &SqlRow) -> Result<AuditEntry, StoreError> {
    let seq = from_column(row.i64(0)?)?;
    let record: AuditRecord = serde_json::from_slice(&row.bytes(1)?)
        .map_err(|_| StoreError::Corrupt(format!("audit record {seq} cannot be read")))?;
    Ok(AuditEntry { seq, record, hash: hash_of(&row.bytes(2)?, seq)? })
}
