//! Rows that wait to be inserted together: on PostgreSQL one round trip a table.

use crate::error::StoreError;
use crate::index_row::TABLES;
use crate::sql::Column::{Bytes, I64, Text};
use crate::sql::{Session, SqlValue, Table};

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

/// Rows by table.
#[derive(Default)]
pub(crate) struct Pending {
    rows: Vec<(&'static Table, Vec<Vec<SqlValue>>)>,
}

impl Pending {
    /// Adds a row.
    pub(crate) fn add(&mut self, table: &'static Table, values: Vec<SqlValue>) {
        match self.rows.iter_mut().find(|(known, _)| known.name == table.name) {
            Some((_, rows)) => rows.push(values),
            None => self.rows.push((table, vec![values])),
        }
    }

    /// Adds a row of the index table at that place of [`TABLES`].
    pub(crate) fn add_index(&mut self, table: usize, values: Vec<SqlValue>) {
        if let Some(table) = TABLES.get(table) {
            self.add(table, values);
        }
    }

    /// Inserts all.
    pub(crate) fn flush(&mut self, session: &mut dyn Session) -> Result<(), StoreError> {
        self.rows.drain(..).try_for_each(|(table, rows)| session.insert(table, rows))
    }
}
