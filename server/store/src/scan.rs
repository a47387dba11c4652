//! A type walked in commit order, as of one state: what an export reads, a short range at a time.
//!
//! The version of a resource that was current then keeps its commit number wherever it lies, so a walk gives it once.

use fhir::Instant;
use policy::{Grant, Version};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::open::Store;
use crate::predicate::{Reach, Visibility};
use crate::search_type::CommitSeq;
use crate::version_row::{StoredVersion, complete, version_columns};

/// Which range of a type.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The type.
    pub type_name: String,
    /// The state that is read; begin with [`Store::commit_seq`] and keep to it.
    pub as_of: CommitSeq,
    /// Only versions written at or after this moment.
    pub since: Option<Instant>,
    /// Where the range before ended, from [`ScanResult::next`].
    pub after: Option<ScanKey>,
    /// Most versions of this range.
    pub count: u32,
}

/// A place in commit order; it stays good across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScanKey(pub i64);

/// A range of a type.
#[derive(Debug)]
pub struct ScanResult {
    /// One version a resource, that which was current; a deletion marker where it was deleted.
    pub versions: Vec<Version>,
    /// Where the next range begins, if there is one.
    pub next: Option<ScanKey>,
}

impl Store {
    /// Reads a range of a type as of one state.
    pub async fn scan(&self, grant: &Grant, scan: Scan) -> Result<ScanResult, StoreError> {
        let (grant, now) = (grant.clone(), (self.inner.clock)());
        self.read_bounded(move |session| {
            let visible = Visibility::of(session, &grant, Reach::Search, now)?;
            visible.check_type(&scan.type_name)?;
            let mut sql = Builder::new(session.dialect());
            sql.push("SELECT * FROM (SELECT * FROM (");
            sql.push(concat!("SELECT ", version_columns!("r"), " FROM resource r WHERE "));
            push_range(&mut sql, "r", &scan, &visible);
            sql.push(concat!(") c UNION ALL SELECT * FROM (SELECT ", version_columns!("h"), " FROM history h WHERE "));
            sql.push("h.superseded_seq > ").bind(scan.as_of.0).push(" AND ");
            push_range(&mut sql, "h", &scan, &visible);
            sql.push(") s) v ORDER BY commit_seq LIMIT ").bind(i64::from(scan.count) + 1);
            let rows = session.query(&sql.build())?;
            let mut versions = rows.into_iter().map(StoredVersion::from_row).collect::<Result<Vec<_>, _>>()?;
            let has_more = versions.len() > scan.count as usize;
            versions.truncate(scan.count as usize);
            let next = versions.last().filter(|_| has_more).map(|last| ScanKey(last.commit_seq));
            complete(session, &mut versions, now)?;
            Ok(ScanResult { versions: versions.into_iter().map(StoredVersion::into_version).collect(), next })
        })
        .await
    }
}

fn push_range(sql: &mut Builder, alias: &str, scan: &Scan, visible: &Visibility<'_>) {
    sql.push(&format!("{alias}.type = ")).bind(&scan.type_name);
    sql.push(&format!(" AND {alias}.commit_seq <= ")).bind(scan.as_of.0);
    sql.push(&format!(" AND {alias}.commit_seq > ")).bind(scan.after.map_or(0, |after| after.0));
    if let Some(since) = scan.since {
        sql.push(&format!(" AND {alias}.last_updated >= ")).bind(since);
    }
    visible.push(sql, alias, &scan.type_name);
    sql.push(&format!(" ORDER BY {alias}.commit_seq LIMIT ")).bind(i64::from(scan.count) + 1);
}
