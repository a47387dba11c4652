//! A PostgreSQL connection as a [`Session`].

use std::borrow::Cow;
use std::time::Duration;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgConnection, PgRow, PgTypeInfo};
use sqlx::{Arguments, AssertSqlSafe, Encode, Executor, Postgres, Row, SqlSafeStr, Type, TypeInfo, ValueRef};
use tokio::runtime::Handle;

use crate::error::StoreError;
use crate::sql::{Column, Dialect, Session, SqlRow, SqlValue, Statement, Table};

/// A connection, driven from a thread that may wait.
pub(crate) struct PostgresSession {
    /// There until the session is dropped.
    connection: Option<PoolConnection<Postgres>>,
    handle: Handle,
    /// How long a statement may be without an answer.
    patience: Duration,
    /// Whether a transaction is open: then the connection may not go back to the pool.
    is_in_transaction: bool,
}

impl Drop for PostgresSession {
    fn drop(&mut self) {
        // The way back to the pool is a task of the pool's runtime, and this thread may belong to none.
        let _inside = self.handle.enter();
        if let Some(mut connection) = self.connection.take()
            && self.is_in_transaction
        {
            connection.close_on_drop();
        }
    }
}

impl PostgresSession {
    /// Wraps a connection of the pool.
    pub(super) fn new(connection: PoolConnection<Postgres>, handle: Handle, patience: Duration) -> Self {
        Self { connection: Some(connection), handle, patience, is_in_transaction: false }
    }

    /// Waits for an answer, and gives the connection up when there is none: a late one would be taken for that of the next statement.
    fn wait<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let gone = |text: &str| StoreError::Unavailable(text.to_owned());
        let connection = self.connection.as_mut().ok_or_else(|| gone("the connection is gone"))?;
        let patience = self.patience;
        let answered = self.handle.block_on(async { tokio::time::timeout(patience, work(connection)).await });
        let Ok(outcome) = answered else {
            let _inside = self.handle.enter();
            if let Some(mut connection) = self.connection.take() {
                connection.close_on_drop();
            }
            return Err(gone("it did not answer in time"));
        };
        Ok(outcome?)
    }
}

/// NULL of whatever type the server infers.
struct Untyped;

impl Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

fn refused(error: impl std::fmt::Display) -> StoreError {
    StoreError::Database(error.to_string())
}

/// PostgreSQL holds no NUL in text; FHIR allows none either, so nothing that was accepted is lost.
fn text_of(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "").into() } else { text.into() }
}

fn arguments_of(values: &[SqlValue]) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            SqlValue::Null => arguments.add(Untyped),
            SqlValue::I64(value) => arguments.add(value),
            SqlValue::F64(value) => arguments.add(value),
            SqlValue::Text(value) => arguments.add(text_of(value)),
            SqlValue::Bytes(value) => arguments.add(value.as_ref()),
        }
        .map_err(refused)?;
    }
    Ok(arguments)
}

fn value_of(row: &PgRow, n: usize) -> Result<SqlValue, StoreError> {
    let raw = row.try_get_raw(n)?;
    if raw.is_null() {
        return Ok(SqlValue::Null);
    }
    let type_info = raw.type_info().into_owned();
    Ok(match type_info.name() {
        "INT8" => SqlValue::I64(row.try_get(n)?),
        "INT4" => SqlValue::I64(i64::from(row.try_get::<i32, _>(n)?)),
        "BOOL" => SqlValue::I64(i64::from(row.try_get::<bool, _>(n)?)),
        "FLOAT8" => SqlValue::F64(row.try_get(n)?),
        "BYTEA" => SqlValue::Bytes(row.try_get::<Vec<u8>, _>(n)?.into()),
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" => SqlValue::Text(row.try_get(n)?),
        other => return Err(StoreError::Database(format!("a column of type {other} is not read"))),
    })
}

fn row_of(row: &PgRow) -> Result<SqlRow, StoreError> {
    (0..row.len()).map(|n| value_of(row, n)).collect::<Result<_, _>>().map(SqlRow)
}

impl Session for PostgresSession {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn execute(&mut self, statement: &Statement) -> Result<u64, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(statement.sql.clone()), arguments_of(&statement.values)?);
        Ok(self.wait(async |connection| query.execute(connection).await)?.rows_affected())
    }

    fn query(&mut self, statement: &Statement) -> Result<Vec<SqlRow>, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(statement.sql.clone()), arguments_of(&statement.values)?);
        self.wait(async |connection| query.fetch_all(connection).await)?.iter().map(row_of).collect()
    }

    fn insert(&mut self, table: &'static Table, rows: Vec<Vec<SqlValue>>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let mut places = Vec::with_capacity(names.len());
        let mut arguments = PgArguments::default();
        for (n, (_, column)) in table.columns.iter().enumerate() {
            let values = rows.iter().map(|row| row.get(n).unwrap_or(&SqlValue::Null));
            places.push(format!("${}::{}", n + 1, add_column(&mut arguments, *column, values)?));
        }
        let values = table.columns.iter().map(|(name, column)| match column {
            // The words are folded already: nothing is left to a language.
            Column::Words => format!("to_tsvector('simple', u.{name})"),
            _ => format!("u.{name}"),
        });
        let (names, values) = (names.join(", "), values.collect::<Vec<_>>().join(", "));
        let sql = format!(
            "INSERT INTO {} ({names}) SELECT {values} FROM UNNEST({}) AS u({names}) ON CONFLICT DO NOTHING",
            table.name,
            places.join(", ")
        );
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
        self.wait(async |connection| query.execute(connection).await)?;
        Ok(())
    }

    fn command(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.is_in_transaction |= sql.starts_with("BEGIN");
        self.wait(async |connection| connection.execute(sqlx::raw_sql(sql.into_sql_str())).await)?;
        if matches!(sql, "COMMIT" | "ROLLBACK") {
            self.is_in_transaction = false;
        }
        Ok(())
    }
}

fn add_column<'a>(
    arguments: &mut PgArguments,
    column: Column,
    values: impl Iterator<Item = &'a SqlValue>,
) -> Result<&'static str, StoreError> {
    match column {
        Column::I64 => {
            let list: Vec<Option<i64>> =
                values.map(|value| if let SqlValue::I64(value) = value { Some(*value) } else { None }).collect();
            arguments.add(list).map(|()| "bigint[]")
        }
        Column::F64 => {
            let list: Vec<Option<f64>> =
                values.map(|value| if let SqlValue::F64(value) = value { Some(*value) } else { None }).collect();
            arguments.add(list).map(|()| "double precision[]")
        }
        Column::Text | Column::Words => {
            let list: Vec<Option<Cow<'_, str>>> = values
                .map(|value| if let SqlValue::Text(value) = value { Some(text_of(value)) } else { None })
                .collect();
            arguments.add(list).map(|()| "text[]")
        }
        Column::Bytes => {
            let list: Vec<Option<&[u8]>> = values
                .map(|value| if let SqlValue::Bytes(value) = value { Some(value.as_ref()) } else { None })
                .collect();
            arguments.add(list).map(|()| "bytea[]")
        }
    }
    .map_err(refused)
}
