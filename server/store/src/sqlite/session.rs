//! A rusqlite connection as a [`Session`].

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql};

use super::checkpoint::Checkpoints;
use crate::error::StoreError;
use crate::sql::{Column, Dialect, Session, SqlRow, SqlValue, Statement, Table};

/// How long to wait for another process that holds the write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Compiled statements kept by a connection.
const STATEMENTS_MAX: usize = 256;

/// What stays of the WAL's file after a burst of writes.
const WAL_BYTES_KEPT: i64 = 256 << 20;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Writes, each commit durable.
    Write,
    /// Reads only.
    Read,
    /// Copies the WAL into the database.
    Checkpoint,
}

/// A connection to a SQLite file.
pub(crate) struct SqliteSession {
    connection: Connection,
    /// Of a writer.
    checkpoints: Option<Checkpoints>,
}

impl SqliteSession {
    /// Opens the file.
    pub(crate) fn open(path: &Path, mode: Mode) -> Result<Self, StoreError> {
        // Readers open for writing too, or they could not use the shared memory of the WAL; `query_only` holds them back.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let flags = if mode == Mode::Write { flags | OpenFlags::SQLITE_OPEN_CREATE } else { flags };
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        let mut checkpoints = None;
        match mode {
            Mode::Write => {
                connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
                connection.pragma_update(None, "cache_size", -65_536)?;
                connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))?;
                checkpoints = Some(Checkpoints::start(path, &connection)?);
            }
            Mode::Checkpoint => {}
            Mode::Read => {
                connection.pragma_update(None, "query_only", "ON")?;
                connection.pragma_update(None, "cache_size", -16_384)?;
            }
        }
        Ok(Self { connection, checkpoints })
    }

    /// The connection itself.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl ToSql for SqlValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            SqlValue::Null => ValueRef::Null,
            SqlValue::I64(value) => ValueRef::Integer(*value),
            SqlValue::F64(value) => ValueRef::Real(*value),
            SqlValue::Text(value) => ValueRef::Text(value.as_bytes()),
            SqlValue::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

/// Binds `$n` to the n-th value, as PostgreSQL does; SQLite itself would number `$n` by first use.
fn bind(prepared: &mut CachedStatement<'_>, values: &[SqlValue]) -> rusqlite::Result<()> {
    for index in 1..=prepared.parameter_count() {
        let number = prepared.parameter_name(index).and_then(|name| name.get(1..)?.parse().ok()).unwrap_or(index);
        let value = number.checked_sub(1).and_then(|place| values.get(place));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(values.len(), number))?;
        prepared.raw_bind_parameter(index, value)?;
    }
    Ok(())
}

fn value_of(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(value) => SqlValue::I64(value),
        ValueRef::Real(value) => SqlValue::F64(value),
        ValueRef::Text(value) => SqlValue::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => SqlValue::Bytes(bytes::Bytes::copy_from_slice(value)),
    }
}

impl Session for SqliteSession {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, statement: &Statement) -> Result<u64, StoreError> {
        let mut prepared = self.connection.prepare_cached(&statement.sql)?;
        Ok(bind(&mut prepared, &statement.values).and_then(|()| prepared.raw_execute())? as u64)
    }

    fn query(&mut self, statement: &Statement) -> Result<Vec<SqlRow>, StoreError> {
        let mut prepared = self.connection.prepare_cached(&statement.sql)?;
        let columns = prepared.column_count();
        bind(&mut prepared, &statement.values)?;
        let mut rows = prepared.raw_query();
        let mut answer = Vec::new();
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|n| row.get_ref(n).map(value_of)).collect::<Result<_, _>>()?;
            answer.push(SqlRow(values));
        }
        Ok(answer)
    }

    fn insert(&mut self, table: &'static Table, rows: Vec<Vec<SqlValue>>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let places: Vec<String> = (1..=names.len()).map(|n| format!("${n}")).collect();
        // A full-text index knows no conflicts.
        let is_virtual = table.columns.iter().any(|(_, column)| *column == Column::Words);
        let conflict = if is_virtual { "" } else { " ON CONFLICT DO NOTHING" };
        let sql = format!("INSERT INTO {} ({}) VALUES ({}){conflict}", table.name, names.join(", "), places.join(", "));
        let mut prepared = self.connection.prepare_cached(&sql)?;
        for row in &rows {
            prepared.execute(rusqlite::params_from_iter(row))?;
        }
        Ok(())
    }

    fn command(&mut self, sql: &'static str) -> Result<(), StoreError> {
        // A full disk has SQLite end the transaction by itself: <https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction>
        if sql == "ROLLBACK" && self.connection.is_autocommit() {
            return Ok(());
        }
        self.connection.prepare_cached(sql)?.execute([])?;
        if let (Some(checkpoints), "COMMIT") = (&mut self.checkpoints, sql) {
            checkpoints.after_commit(&self.connection);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_go_by_number_not_by_first_use() {
        let directory = tempfile::tempdir().unwrap();
        let mut session = SqliteSession::open(&directory.path().join("x.db"), Mode::Write).unwrap();
        let values = vec!["one".into(), 2_i64.into(), 3_i64.into()];
        let rows = session.query(&Statement::new("SELECT $3, $1, $2, $1", values)).unwrap();
        let row = rows.first().unwrap();
        assert_eq!((row.i64(0).unwrap(), row.text(1).unwrap()), (3, "one"));
        assert_eq!((row.i64(2).unwrap(), row.text(3).unwrap()), (2, "one"));
        assert!(session.query(&Statement::new("SELECT $2", vec![1_i64.into()])).is_err());
    }
}
