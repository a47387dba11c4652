//! The order of matches, and the cursor that says where a page ended.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use search::{Direction, Filter, IndexEntry, IndexValue, Judged, Kind, Query, Registry, SortKey, unit};

use crate::error::StoreError;
use crate::index_row::{clip, composite_span, exact_hash};
use crate::sql::SqlValue;
use crate::version_row::StoredVersion;

/// Where a page ended: the kind of order, and the place of its last match in it. Opaque, and only of use with the same query.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor(pub(crate) Vec<SqlValue>);

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

    /// The resource key: the last tie-breaker of every order but that of commits.
    pub(crate) fn key(&self) -> i64 {
        match self.0.last() {
            Some(SqlValue::I64(key)) => *key,
            _ => 0,
        }
    }

    /// The value at that place after the kind.
    pub(crate) fn value(&self, place: usize) -> SqlValue {
        self.0.get(place + 1).cloned().unwrap_or(SqlValue::Null)
    }
}

/// In which order matches are given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    /// By resource key.
    Key,
    /// By commit number.
    Commit,
    /// By the row of the condition at that place that comes first, then by resource key. The row meets all the filters.
    Row(usize, Vec<Filter>),
    /// As asked for; then by resource key.
    Sort(Vec<(SortKey, Direction)>),
}

impl Order {
    /// The first value of its cursors.
    fn tag(&self) -> String {
        match self {
            Order::Key => "k".to_owned(),
            Order::Commit => "c".to_owned(),
            Order::Row(place, _) => format!("r{place}"),
            Order::Sort(_) => "s".to_owned(),
        }
    }

    /// The place of the condition whose rows give the order of that cursor.
    pub(crate) fn row_place(cursor: &Cursor) -> Option<usize> {
        match cursor.0.first() {
            Some(SqlValue::Text(tag)) => tag.strip_prefix('r')?.parse().ok(),
            _ => None,
        }
    }

    /// Whether the cursor is of such an order.
    pub(crate) fn owns(&self, cursor: &Cursor) -> bool {
        cursor.0.first() == Some(&SqlValue::Text(self.tag()))
    }

    /// Whether the place of a version is told by what search finds in it.
    pub(crate) fn reads_entries(&self) -> bool {
        match self {
            Order::Key | Order::Commit => false,
            Order::Row(..) => true,
            Order::Sort(keys) => keys.iter().any(|(key, _)| matches!(key, SortKey::Param(..))),
        }
    }

    /// Whether it looks at what that parameter finds.
    pub(crate) fn reads(&self, param: u32) -> bool {
        match self {
            Order::Key | Order::Commit => false,
            Order::Row(_, filters) => filters.iter().any(|filter| filter.param_id() == Some(param)),
            Order::Sort(keys) => keys.iter().any(|(key, _)| matches!(key, SortKey::Param(id, _) if *id == param)),
        }
    }

    /// The place of a version.
    pub(crate) fn cursor(&self, version: &StoredVersion, judged: Option<&Judged>, registry: &Registry) -> Cursor {
        let entries: &[IndexEntry] = judged.map_or(&[], |judged| judged.entries.as_slice());
        let mut values: Vec<SqlValue> = vec![self.tag().into()];
        match self {
            Order::Key => {}
            Order::Commit => {
                values.push(version.commit_seq.into());
                return Cursor(values);
            }
            Order::Row(_, filters) => values.extend(first_row(entries, filters, registry).unwrap_or_default()),
            Order::Sort(keys) => {
                for (key, direction) in keys {
                    match key {
                        SortKey::Id => values.push(version.facts.id.as_str().into()),
                        // `lastUpdated` never goes back, so commit numbers order by it and tell apart what is of one moment.
                        SortKey::LastUpdated => values.push(version.commit_seq.into()),
                        SortKey::Param(param, kind) => {
                            let best = best(entries, (*param, *kind), *direction);
                            values.push(SqlValue::I64(i64::from(best.is_none())));
                            values.extend(best.unwrap_or([SqlValue::I64(0), SqlValue::I64(0)]));
                        }
                    }
                }
            }
        }
        values.push(version.res_key.into());
        Cursor(values)
    }

    /// The place of a row of the condition that gives the order.
    pub(crate) fn at_row(&self, first: SqlValue, second: SqlValue, res_key: i64) -> Cursor {
        Cursor(vec![self.tag().into(), first, second, res_key.into()])
    }

    /// Which of two comes first.
    pub(crate) fn compare(&self, a: &Cursor, b: &Cursor) -> Ordering {
        let mut directions = vec![Direction::Ascending];
        if let Order::Sort(keys) = self {
            for (key, direction) in keys {
                match key {
                    SortKey::Param(..) => directions.extend([Direction::Ascending, *direction, *direction]),
                    SortKey::Id | SortKey::LastUpdated => directions.push(*direction),
                }
            }
        }
        for (place, (a, b)) in a.0.iter().zip(&b.0).enumerate() {
            let order = compare_values(a, b);
            let is_descending = directions.get(place) == Some(&Direction::Descending);
            let order = if is_descending { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}

/// The order of a query that asks for one.
pub(crate) fn asked(query: &Query) -> Result<Option<Order>, StoreError> {
    if query.sort.is_empty() {
        return Ok(None);
    }
    for (key, _) in &query.sort {
        if let SortKey::Param(_, Kind::Composite | Kind::Special) = key {
            return Err(StoreError::Invalid("this search parameter gives no order".to_owned()));
        }
    }
    Ok(Some(Order::Sort(query.sort.clone())))
}

/// Which of two values of one column comes first.
pub(crate) fn compare_values(a: &SqlValue, b: &SqlValue) -> Ordering {
    match (a, b) {
        (SqlValue::I64(a), SqlValue::I64(b)) => a.cmp(b),
        (SqlValue::F64(a), SqlValue::F64(b)) => a.total_cmp(b),
        (SqlValue::Text(a), SqlValue::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

/// The values of the first row, in the order of its index, that meets all the filters.
fn first_row(entries: &[IndexEntry], filters: &[Filter], registry: &Registry) -> Option<Vec<SqlValue>> {
    let meets = |entry: &&IndexEntry| {
        filters.iter().all(|filter| search::matches(filter, std::slice::from_ref(*entry), registry))
    };
    let rows = entries.iter().filter(meets).filter_map(|entry| columns(&entry.value));
    rows.min_by(compare_rows).map(Vec::from)
}

fn compare_rows(a: &[SqlValue; 2], b: &[SqlValue; 2]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| compare_values(a, b)).fold(Ordering::Equal, Ordering::then)
}

/// What orders the rows of an index table.
pub(crate) fn columns(value: &IndexValue) -> Option<[SqlValue; 2]> {
    Some(match value {
        IndexValue::Date { start, end } => [(*start).into(), (*end).into()],
        IndexValue::Number { low, high } | IndexValue::Quantity { low, high, .. } => [(*low).into(), (*high).into()],
        IndexValue::String { normalised, exact } => [clip(normalised).into(), exact_hash(exact).into()],
        IndexValue::Token { system, code } => {
            [clip(code.as_deref().unwrap_or_default()).into(), clip(system.as_deref().unwrap_or_default()).into()]
        }
        IndexValue::Uri(uri) => [clip(uri).into(), "".into()],
        IndexValue::Reference { type_name, id, url } => match url {
            Some(url) => [clip(url).into(), "".into()],
            None => [type_name.as_deref().unwrap_or_default().into(), id.as_deref().unwrap_or_default().into()],
        },
        IndexValue::Composite(components) => {
            let (low, high) = composite_span(components);
            [low.into(), high.into()]
        }
        IndexValue::Text(_) | IndexValue::OfType { .. } | IndexValue::Position { .. } => return None,
    })
}

/// The lowest value (ascending) or the highest (descending) of a parameter. A span counts by its beginning, a quantity by its value in base units.
fn best(entries: &[IndexEntry], (param, kind): (u32, Kind), direction: Direction) -> Option<[SqlValue; 2]> {
    let of_kind = |value: &IndexValue| {
        matches!(
            (value, kind),
            (IndexValue::Date { .. }, Kind::Date)
                | (IndexValue::Number { .. }, Kind::Number)
                | (IndexValue::Quantity { .. }, Kind::Quantity)
                | (IndexValue::String { .. }, Kind::String)
                | (IndexValue::Token { .. }, Kind::Token)
                | (IndexValue::Uri(_), Kind::Uri)
                | (IndexValue::Reference { .. }, Kind::Reference)
        )
    };
    let found: Vec<&IndexValue> = entries
        .iter()
        .filter(|entry| entry.param == param && of_kind(&entry.value))
        .map(|entry| &entry.value)
        .collect();
    let mut rows: Vec<[SqlValue; 2]> = found.iter().filter_map(|value| in_base_units(value)).collect();
    if rows.is_empty() {
        rows = found.into_iter().filter_map(columns).collect();
    }
    match direction {
        Direction::Ascending => rows.into_iter().min_by(compare_rows),
        Direction::Descending => rows.into_iter().max_by(compare_rows),
    }
}

/// The ends of a quantity in a UCUM unit as they are compared with those in other units. What the same quantity is called for people is
/// indexed beside it and has no such ends.
fn in_base_units(value: &IndexValue) -> Option<[SqlValue; 2]> {
    let IndexValue::Quantity { system: Some(system), code: Some(code), low, high } = value else { return None };
    let end = |end: f64| {
        let is_open = end <= f64::MIN || end >= f64::MAX;
        if is_open { Some(end) } else { unit::canonical(end, code) }
    };
    (system == unit::UCUM_SYSTEM).then_some(())?;
    Some([end(*low)?.into(), end(*high)?.into()])
}
