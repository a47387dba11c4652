//! Rows that wait to be inserted together: in runs of one table, in the order of its key, and on PostgreSQL in one round trip a table.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::builder::Builder;
use crate::error::StoreError;
use crate::sql::Column::{Bytes, I64, Text, Words};
use crate::sql::{Dialect, Session, SqlValue, Table};

/// The table of current versions.
pub(crate) static RESOURCE: Table = Table {
    name: "resource",
    columns: &[
        ("res_key", I64),
        ("type", Text),
        ("id", Text),
        ("version", I64),
        ("last_updated", I64),
        ("deleted", I64),
        ("commit_seq", I64),
        ("method", Text),
        ("patients", Text),
        ("labels", Text),
        ("source_feed", Text),
        ("source_system", Text),
        ("ods_code", Text),
        ("general_practice", I64),
        ("content_hash", Bytes),
        ("body", Bytes),
    ],
};

/// The table of what is about which patient.
pub(crate) static COMPARTMENT: Table =
    Table { name: "compartment", columns: &[("patient_key", I64), ("type", Text), ("res_key", I64)] };

/// The table of names of resources.
pub(crate) static TARGET: Table =
    Table { name: "target", columns: &[("target_key", I64), ("id", Text), ("type", Text)] };

/// The table of what codes are called.
pub(crate) static TEXT: Table = Table { name: "text", columns: &[("text_key", I64), ("value", Text)] };

/// The table of lists of labels.
pub(crate) static LABELS_USED: Table = Table { name: "labels_used", columns: &[("labels", Text)] };

/// The table of persons.
pub(crate) static PERSON: Table = Table { name: "person", columns: &[("person_key", I64), ("created", I64)] };

/// The table of patients.
pub(crate) static PATIENT: Table = Table { name: "patient", columns: &[("patient_key", I64), ("person_key", I64)] };

/// The words of resources, by the name of the key column.
static FULL_TEXT_SQLITE: Table =
    Table { name: "full_text", columns: &[("rowid", I64), ("narrative", Words), ("content", Words)] };
static FULL_TEXT_POSTGRES: Table =
    Table { name: "full_text", columns: &[("res_key", I64), ("narrative", Words), ("content", Words)] };

/// The table of words.
pub(crate) fn full_text(dialect: Dialect) -> &'static Table {
    match dialect {
        Dialect::Sqlite => &FULL_TEXT_SQLITE,
        Dialect::Postgres => &FULL_TEXT_POSTGRES,
    }
}

/// Rows by table, and changes of counters.
#[derive(Default)]
pub(crate) struct Pending {
    tables: Vec<(&'static Table, Vec<Vec<SqlValue>>)>,
    counts: BTreeMap<String, i64>,
}

/// How much was pending at a moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mark {
    lengths: Vec<usize>,
    counts: BTreeMap<String, i64>,
}

impl Pending {
    /// Adds a row.
    pub(crate) fn add(&mut self, table: &'static Table, values: Vec<SqlValue>) {
        match self.tables.iter_mut().find(|(known, _)| std::ptr::eq(*known, table)) {
            Some((_, rows)) => rows.push(values),
            None => self.tables.push((table, vec![values])),
        }
    }

    /// Adds to the counter of live resources of a type.
    pub(crate) fn count(&mut self, type_name: &str, change: i64) {
        match self.counts.get_mut(type_name) {
            Some(count) => *count += change,
            None => drop(self.counts.insert(type_name.to_owned(), change)),
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.tables.iter().all(|(_, rows)| rows.is_empty())
    }

    /// What waits now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { lengths: self.tables.iter().map(|(_, rows)| rows.len()).collect(), counts: self.counts.clone() }
    }

    /// Whether something came since the mark.
    pub(crate) fn has_since(&self, mark: &Mark) -> bool {
        let lengths = mark.lengths.iter().copied().chain(std::iter::repeat(0));
        self.counts != mark.counts || self.tables.iter().zip(lengths).any(|((_, rows), length)| rows.len() > length)
    }

    /// Takes away what came since the mark.
    pub(crate) fn truncate(&mut self, mark: Mark) {
        let lengths = mark.lengths.into_iter().chain(std::iter::repeat(0));
        self.tables.iter_mut().zip(lengths).for_each(|((_, rows), length)| rows.truncate(length));
        self.counts = mark.counts;
    }

    /// Inserts all.
    pub(crate) fn flush(&mut self, session: &mut dyn Session) -> Result<(), StoreError> {
        for (table, rows) in &mut self.tables {
            if !rows.is_empty() {
                let mut rows = std::mem::take(rows);
                rows.sort_unstable_by(|left, right| compare(left, right));
                session.insert(table, rows)?;
            }
        }
        if self.counts.is_empty() {
            return Ok(());
        }
        let mut sql = Builder::new(session.dialect());
        sql.push("INSERT INTO resource_count (type, live) VALUES ");
        for (n, (type_name, change)) in std::mem::take(&mut self.counts).into_iter().enumerate() {
            sql.push(if n == 0 { "(" } else { ", (" }).bind(type_name).push(", ").bind(change).push(")");
        }
        sql.push(" ON CONFLICT (type) DO UPDATE SET live = resource_count.live + excluded.live");
        session.execute(&sql.build()).map(|_| ())
    }
}

/// The order of a table's key, whose columns come first.
fn compare(left: &[SqlValue], right: &[SqlValue]) -> Ordering {
    let pairs = left.iter().zip(right).map(|pair| match pair {
        (SqlValue::I64(left), SqlValue::I64(right)) => left.cmp(right),
        (SqlValue::F64(left), SqlValue::F64(right)) => left.total_cmp(right),
        (SqlValue::Text(left), SqlValue::Text(right)) => left.cmp(right),
        _ => Ordering::Equal,
    });
    pairs.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}
