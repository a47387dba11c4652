//! Portable statements: the same text and values run on SQLite and on PostgreSQL.
//!
//! Parameters are written `$1`, `$2`, …: `$n` is the n-th value, wherever and however often it stands.

use std::borrow::Cow;

use bytes::Bytes;

use crate::error::StoreError;

/// A value bound to a parameter or read from a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SqlValue {
    /// NULL.
    Null,
    /// An integer; booleans are 0 and 1.
    I64(i64),
    /// A floating-point number.
    F64(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
}

/// One SQL statement with its values.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    /// The text.
    pub(crate) sql: Cow<'static, str>,
    /// The values of `$1`, `$2`, ….
    pub(crate) values: Vec<SqlValue>,
}

impl Statement {
    /// A statement of that text and those values.
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>, values: Vec<SqlValue>) -> Self {
        Self { sql: sql.into(), values }
    }
}

/// A row of an answer.
#[derive(Debug, Clone)]
pub(crate) struct SqlRow(pub(crate) Vec<SqlValue>);

impl SqlRow {
    /// The value of column `n`, taken out of the row.
    pub(crate) fn take(&mut self, n: usize) -> SqlValue {
        self.0.get_mut(n).map_or(SqlValue::Null, |value| std::mem::replace(value, SqlValue::Null))
    }

    /// The integer in column `n`.
    pub(crate) fn i64(&self, n: usize) -> Result<i64, StoreError> {
        self.opt_i64(n)?.ok_or_else(|| unexpected(n, "an integer"))
    }

    /// The integer in column `n`, if there is one.
    pub(crate) fn opt_i64(&self, n: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(n) {
            Some(SqlValue::I64(value)) => Ok(Some(*value)),
            Some(SqlValue::Null) => Ok(None),
            _ => Err(unexpected(n, "an integer")),
        }
    }

    /// The number in column `n`.
    pub(crate) fn f64(&self, n: usize) -> Result<f64, StoreError> {
        match self.0.get(n) {
            Some(SqlValue::F64(value)) => Ok(*value),
            _ => Err(unexpected(n, "a number")),
        }
    }

    /// The text in column `n`.
    pub(crate) fn text(&self, n: usize) -> Result<&str, StoreError> {
        self.opt_text(n)?.ok_or_else(|| unexpected(n, "text"))
    }

    /// The text in column `n`, if there is one.
    pub(crate) fn opt_text(&self, n: usize) -> Result<Option<&str>, StoreError> {
        match self.0.get(n) {
            Some(SqlValue::Text(value)) => Ok(Some(value)),
            Some(SqlValue::Null) => Ok(None),
            _ => Err(unexpected(n, "text")),
        }
    }

    /// The bytes in column `n`.
    pub(crate) fn bytes(&self, n: usize) -> Result<Bytes, StoreError> {
        self.opt_bytes(n)?.ok_or_else(|| unexpected(n, "bytes"))
    }

    /// The bytes in column `n`, if there are any.
    pub(crate) fn opt_bytes(&self, n: usize) -> Result<Option<Bytes>, StoreError> {
        match self.0.get(n) {
            Some(SqlValue::Bytes(value)) => Ok(Some(value.clone())),
            Some(SqlValue::Null) => Ok(None),
            _ => Err(unexpected(n, "bytes")),
        }
    }
}

fn unexpected(column: usize, wanted: &str) -> StoreError {
    StoreError::Corrupt(format!("column {column} does not hold {wanted}"))
}

macro_rules! from_value {
    ($($source:ty => |$value:ident| $target:expr;)*) => {$(
        impl From<$source> for SqlValue {
            fn from($value: $source) -> Self {
                $target
            }
        }
    )*};
}

from_value! {
    i64 => |value| SqlValue::I64(value);
    u32 => |value| SqlValue::I64(i64::from(value));
    bool => |value| SqlValue::I64(i64::from(value));
    f64 => |value| SqlValue::F64(value);
    &str => |value| SqlValue::Text(value.to_owned());
    &String => |value| SqlValue::Text(value.clone());
    String => |value| SqlValue::Text(value);
    Vec<u8> => |value| SqlValue::Bytes(value.into());
    Bytes => |value| SqlValue::Bytes(value);
    fhir::Instant => |value| SqlValue::I64(value.0);
}

impl<T: Into<SqlValue>> From<Option<T>> for SqlValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(SqlValue::Null, Into::into)
    }
}

/// The kind of a column, for inserts of many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Integers.
    I64,
    /// Floating-point numbers.
    F64,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Words between blanks, of which an index is made.
    Words,
}

/// A table and the columns that an insert fills.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// The columns in the order of a row's values.
    pub(crate) columns: &'static [(&'static str, Column)],
}

/// Which SQL is spoken, where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// `IN` over the integers of a bound JSON list such as `[1,2]`.
    pub(crate) fn in_list(self, parameter: &str) -> String {
        match self {
            Dialect::Sqlite => format!("IN (SELECT value FROM json_each({parameter}))"),
            Dialect::Postgres => format!("= ANY(CAST(translate({parameter}, '[]', '{{}}') AS bigint[]))"),
        }
    }
}

/// A database connection, used by one thread at a time.
pub(crate) trait Session {
    /// Which SQL it speaks.
    fn dialect(&self) -> Dialect;
    /// Runs a statement and says how many rows it changed.
    fn execute(&mut self, statement: &Statement) -> Result<u64, StoreError>;
    /// Runs a statement and gives its rows.
    fn query(&mut self, statement: &Statement) -> Result<Vec<SqlRow>, StoreError>;
    /// Inserts rows; one that is there already is left alone.
    fn insert(&mut self, table: &'static Table, rows: Vec<Vec<SqlValue>>) -> Result<(), StoreError>;
    /// Runs a command without parameters (BEGIN, SAVEPOINT, …).
    fn command(&mut self, sql: &'static str) -> Result<(), StoreError>;
}
