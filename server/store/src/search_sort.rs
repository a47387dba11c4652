//! The order of matches, and the cursor that says where a page ended.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use search::{Direction, IndexEntry, IndexValue, Kind, Query, SortKey};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::{clip, param_key};
use crate::intern::{self, Name};
use crate::sql::{Session, SqlRow, SqlValue};
use crate::version_row::StoredVersion;

/// Where a page ended: the sort values and the key of its last match. Opaque, and only of use with the same query.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor(Vec<SqlValue>);

impl Cursor {
    /// As text for a link, which the caller signs: it holds sort values.
    pub fn encode(&self) -> String {
        let values: Vec<serde_json::Value> = self
            .0
            .iter()
            .map(|value| match value {
                SqlValue::I64(value) => serde_json::json!({ "i": value }),
                // The bits, since a number's text may lose some.
                SqlValue::F64(value) => serde_json::json!({ "f": value.to_bits() }),
                SqlValue::Text(value) => serde_json::json!({ "t": value }),
                SqlValue::Null | SqlValue::Bytes(_) => serde_json::Value::Null,
            })
            .collect();
        URL_SAFE_NO_PAD.encode(serde_json::Value::Array(values).to_string())
    }

    /// Reads the text of [`Cursor::encode`].
    pub fn decode(text: &str) -> Option<Cursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let values: Vec<serde_json::Value> = serde_json::from_slice(&bytes).ok()?;
        let value_of = |value: &serde_json::Value| {
            let number = value.get("i").and_then(serde_json::Value::as_i64).map(SqlValue::I64);
            let real =
                || value.get("f").and_then(serde_json::Value::as_u64).map(|bits| SqlValue::F64(f64::from_bits(bits)));
            let text = || value.get("t").and_then(serde_json::Value::as_str).map(SqlValue::from);
            number.or_else(real).or_else(text)
        };
        values.iter().map(value_of).collect::<Option<_>>().map(Cursor)
    }
}

/// One expression of the order.
struct Key {
    sql: String,
    direction: Direction,
}

/// The order of a query: its sort keys, then the resource key.
pub(crate) struct Order {
    keys: Vec<Key>,
    sort: Vec<(SortKey, Direction)>,
    type_name: String,
}

impl Order {
    /// The order of a query; `res_key` is the column that holds the resource key.
    pub(crate) fn of(query: &Query, res_key: &str) -> Result<Order, StoreError> {
        let mut keys = Vec::new();
        for (n, (key, direction)) in query.sort.iter().enumerate() {
            let direction = *direction;
            match key {
                SortKey::Id => keys.push(Key { sql: "r.id".to_owned(), direction }),
                // `lastUpdated` never goes back, so commit numbers order by it and tell apart what is of one moment.
                SortKey::LastUpdated => keys.push(Key { sql: "r.commit_seq".to_owned(), direction }),
                SortKey::Param(_, kind) => {
                    let (_, _, zero) = source(*kind, direction)?;
                    let missing = format!("CASE WHEN s{n}.k IS NULL THEN 1 ELSE 0 END");
                    keys.push(Key { sql: missing, direction: Direction::Ascending });
                    keys.push(Key { sql: format!("COALESCE(s{n}.k, {zero})"), direction });
                }
            }
        }
        keys.push(Key { sql: res_key.to_owned(), direction: Direction::Ascending });
        Ok(Order { keys, sort: query.sort.clone(), type_name: query.type_name.clone() })
    }

    /// Whether it is the order of keys alone.
    pub(crate) fn is_by_key(&self) -> bool {
        self.sort.is_empty()
    }

    /// Adds the joins that the sort keys need.
    pub(crate) fn push_joins(&self, sql: &mut Builder) -> Result<(), StoreError> {
        for (n, (key, direction)) in self.sort.iter().enumerate() {
            let SortKey::Param(param, kind) = key else { continue };
            let (table, column, _) = source(*kind, *direction)?;
            let best = if *direction == Direction::Ascending { "min" } else { "max" };
            sql.push(&format!(" LEFT JOIN (SELECT res_key, {best}({column}) AS k FROM {table} WHERE param = "));
            sql.bind(param_key(&self.type_name, *param));
            sql.push(&format!(" GROUP BY res_key) s{n} ON s{n}.res_key = r.res_key"));
        }
        Ok(())
    }

    /// Adds the sort values as columns.
    pub(crate) fn push_columns(&self, sql: &mut Builder) {
        for key in &self.keys {
            sql.push(", ").push(&key.sql);
        }
    }

    /// Adds ` AND` what comes after the cursor.
    pub(crate) fn push_after(&self, sql: &mut Builder, cursor: &Cursor) -> Result<(), StoreError> {
        if cursor.0.len() != self.keys.len() {
            return Err(StoreError::Invalid("the page does not belong to this search".to_owned()));
        }
        sql.push(" AND (");
        for (n, (key, value)) in self.keys.iter().zip(&cursor.0).enumerate() {
            sql.push(if n == 0 { "(" } else { " OR (" });
            for (equal, value) in self.keys.iter().zip(&cursor.0).take(n) {
                sql.push(&format!("{} = ", equal.sql)).bind(value.clone()).push(" AND ");
            }
            let operator = if key.direction == Direction::Ascending { " > " } else { " < " };
            sql.push(&key.sql).push(operator).bind(value.clone()).push(")");
        }
        sql.push(")");
        Ok(())
    }

    /// Adds the ORDER BY.
    pub(crate) fn push_order(&self, sql: &mut Builder) {
        for (n, key) in self.keys.iter().enumerate() {
            sql.push(if n == 0 { " ORDER BY " } else { ", " }).push(&key.sql);
            if key.direction == Direction::Descending {
                sql.push(" DESC");
            }
        }
    }

    /// The cursor of a row whose sort values begin at that column.
    pub(crate) fn cursor_of_row(&self, row: &mut SqlRow, column: usize) -> Cursor {
        Cursor((0..self.keys.len()).map(|n| row.take(column + n)).collect())
    }

    /// The cursor of a version that is not current any more, from its index entries.
    pub(crate) fn cursor_of_version(
        &self,
        session: &mut dyn Session,
        version: &StoredVersion,
        entries: &[IndexEntry],
    ) -> Result<Cursor, StoreError> {
        let mut values = Vec::with_capacity(self.keys.len());
        for (key, direction) in &self.sort {
            match key {
                SortKey::Id => values.push(version.facts.id.as_str().into()),
                SortKey::LastUpdated => values.push(version.commit_seq.into()),
                SortKey::Param(param, kind) => {
                    let best = best(session, entries, (*param, *kind), *direction)?;
                    values.push(SqlValue::I64(i64::from(best.is_none())));
                    values.push(best.unwrap_or_else(|| zero_of(*kind)));
                }
            }
        }
        values.push(version.res_key.into());
        Ok(Cursor(values))
    }

    /// The resource key in a cursor.
    pub(crate) fn key_of(&self, cursor: &Cursor) -> i64 {
        match cursor.0.last() {
            Some(SqlValue::I64(key)) => *key,
            _ => 0,
        }
    }

    /// Which of two comes first.
    pub(crate) fn compare(&self, a: &Cursor, b: &Cursor) -> Ordering {
        for (key, (a, b)) in self.keys.iter().zip(a.0.iter().zip(&b.0)) {
            let order = compare_values(a, b);
            let order = if key.direction == Direction::Ascending { order } else { order.reverse() };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}

fn compare_values(a: &SqlValue, b: &SqlValue) -> Ordering {
    match (a, b) {
        (SqlValue::I64(a), SqlValue::I64(b)) => a.cmp(b),
        (SqlValue::F64(a), SqlValue::F64(b)) => a.total_cmp(b),
        (SqlValue::Text(a), SqlValue::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

/// Index table, column and the value that stands where there is none.
fn source(kind: Kind, direction: Direction) -> Result<(&'static str, &'static str, &'static str), StoreError> {
    let edge = if direction == Direction::Ascending { "low" } else { "high" };
    Ok(match kind {
        Kind::Date => ("date_index", edge, "0"),
        Kind::Number => ("number_index", edge, "0.0"),
        Kind::Quantity => ("quantity_index", edge, "0.0"),
        Kind::String => ("string_index", "value", "''"),
        Kind::Token => ("token_index", "code", "''"),
        Kind::Uri => ("uri_index", "value", "''"),
        Kind::Reference => ("reference_index", "target_key", "0"),
        Kind::Composite | Kind::Special => {
            return Err(StoreError::Invalid("this search parameter gives no order".to_owned()));
        }
    })
}

fn zero_of(kind: Kind) -> SqlValue {
    match kind {
        Kind::Date | Kind::Reference => SqlValue::I64(0),
        Kind::Number | Kind::Quantity => SqlValue::F64(0.0),
        _ => SqlValue::Text(String::new()),
    }
}

fn best(
    session: &mut dyn Session,
    entries: &[IndexEntry],
    (param, kind): (u32, Kind),
    direction: Direction,
) -> Result<Option<SqlValue>, StoreError> {
    let mut found: Option<SqlValue> = None;
    for entry in entries.iter().filter(|entry| entry.param == param) {
        let Some(value) = sort_value(session, &entry.value, kind, direction)? else { continue };
        let is_better = found.as_ref().is_none_or(|found| {
            let wanted = if direction == Direction::Ascending { Ordering::Less } else { Ordering::Greater };
            compare_values(&value, found) == wanted
        });
        if is_better {
            found = Some(value);
        }
    }
    Ok(found)
}

/// What stands in the column of [`source`] for an entry.
fn sort_value(
    session: &mut dyn Session,
    value: &IndexValue,
    kind: Kind,
    direction: Direction,
) -> Result<Option<SqlValue>, StoreError> {
    let is_ascending = direction == Direction::Ascending;
    Ok(match (value, kind) {
        (IndexValue::Date { start, end }, Kind::Date) => Some((if is_ascending { *start } else { *end }).into()),
        (IndexValue::Number { low, high }, Kind::Number) | (IndexValue::Quantity { low, high, .. }, Kind::Quantity) => {
            Some((if is_ascending { *low } else { *high }).into())
        }
        (IndexValue::String { normalised, .. }, Kind::String) => Some(clip(normalised).into()),
        (IndexValue::Token { code, .. }, Kind::Token) => Some(clip(code.as_deref().unwrap_or_default()).into()),
        (IndexValue::Uri(uri), Kind::Uri) => Some(clip(uri).into()),
        (IndexValue::Reference { type_name, id, url }, Kind::Reference) => {
            let name = match url {
                Some(url) => Name::Target(String::new(), clip(url).to_owned()),
                None => Name::Target(type_name.clone().unwrap_or_default(), id.clone().unwrap_or_default()),
            };
            intern::find(session, &name)?.map(SqlValue::I64)
        }
        _ => None,
    })
}
