//! The conditions of a search as SQL over the index tables.

use search::{Filter, FilterParam, FilterValue, Kind, Modifier, Prefix, Query};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::{clip, exact_hash, param_key};
use crate::intern::{self, Name};
use crate::sql::{Dialect, Session, SqlValue};

/// Sorts after every continuation of a text that it is put behind.
const LAST_CHAR: char = char::MAX;

/// One condition, made ready: names are keys already.
pub(crate) enum Condition {
    /// Nothing can match.
    Never,
    /// Rows with these values in the leading columns of an index table: found by one range, in the order of `res_key`.
    Point(Point),
    /// Anything else.
    Other(Other),
}

/// See [`Condition::Point`].
pub(crate) struct Point {
    table: &'static str,
    columns: Vec<(&'static str, SqlValue)>,
}

/// See [`Condition::Other`].
pub(crate) struct Other {
    filter: Filter,
    param: i64,
    /// Alternatives whose names are known.
    values: Vec<(FilterValue, Option<i64>)>,
}

/// Makes the conditions of a query ready.
pub(crate) fn conditions(session: &mut dyn Session, query: &Query) -> Result<Vec<Condition>, StoreError> {
    filters(query)?.into_iter().map(|filter| condition(session, &query.type_name, filter)).collect()
}

/// The conditions that are looks at a parameter of the type itself.
pub(crate) fn filters(query: &Query) -> Result<Vec<&Filter>, StoreError> {
    let mut filters = Vec::with_capacity(query.conditions.len());
    for condition in &query.conditions {
        let search::Condition::Filter(filter) = condition else {
            return Err(StoreError::Invalid("this condition is not supported".to_owned()));
        };
        filters.push(filter);
    }
    Ok(filters)
}

fn condition(session: &mut dyn Session, type_name: &str, filter: &Filter) -> Result<Condition, StoreError> {
    let param = match filter.param {
        FilterParam::Param(id, _) => param_key(type_name, id),
        FilterParam::Id | FilterParam::LastUpdated => 0,
    };
    let mut values = Vec::with_capacity(filter.values.len());
    for value in &filter.values {
        match name_of(value) {
            None => values.push((value.clone(), None)),
            Some(name) => {
                if let Some(key) = intern::find(session, &name)? {
                    values.push((value.clone(), Some(key)));
                }
            }
        }
    }
    let is_negative = matches!(filter.modifier, Modifier::Not | Modifier::Missing(_));
    if values.is_empty() && !is_negative {
        return Ok(Condition::Never);
    }
    if let ([(value, Some(key))], false) = (values.as_slice(), is_negative)
        && let Some(point) = point(param, value, *key)
    {
        return Ok(Condition::Point(point));
    }
    Ok(Condition::Other(Other { filter: filter.clone(), param, values }))
}

/// The name whose key stands in the index rows of a value; without it there are no rows.
fn name_of(value: &FilterValue) -> Option<Name> {
    match value {
        FilterValue::Token { system: Some(Some(system)), .. } => Some(Name::System(clip(system).to_owned())),
        FilterValue::Reference { url: Some(url), .. } => Some(Name::Target(String::new(), clip(url).to_owned())),
        FilterValue::Reference { type_name: Some(type_name), id, url: None } => {
            Some(Name::Target(type_name.clone(), id.clone()))
        }
        FilterValue::Quantity { system: Some(system), code: Some(code), .. } => {
            Some(Name::Unit(clip(system).to_owned(), clip(code).to_owned()))
        }
        _ => None,
    }
}

fn point(param: i64, value: &FilterValue, key: i64) -> Option<Point> {
    match value {
        FilterValue::Token { code: Some(code), .. } => Some(Point {
            table: "token_index",
            columns: vec![("param", param.into()), ("code", clip(code).into()), ("system_key", key.into())],
        }),
        FilterValue::Reference { .. } => {
            Some(Point { table: "reference_index", columns: vec![("param", param.into()), ("target_key", key.into())] })
        }
        _ => None,
    }
}

impl Point {
    /// The index table.
    pub(crate) fn table(&self) -> &'static str {
        self.table
    }

    /// Adds the comparison of its columns, under an alias.
    pub(crate) fn push(&self, sql: &mut Builder, alias: &str) {
        for (n, (column, value)) in self.columns.iter().enumerate() {
            let and = if n == 0 { "" } else { " AND " };
            sql.push(&format!("{and}{alias}.{column} = ")).bind(value.clone());
        }
    }

    /// Adds ` AND` a look for this very resource.
    pub(crate) fn push_exists(&self, sql: &mut Builder) {
        sql.push(&format!(" AND EXISTS (SELECT 1 FROM {} e WHERE ", self.table));
        self.push(sql, "e");
        sql.push(" AND e.res_key = r.res_key)");
    }
}

impl Other {
    /// Adds ` AND …` on `r`.
    pub(crate) fn push(&self, sql: &mut Builder) {
        match (&self.filter.param, &self.filter.modifier) {
            (FilterParam::Id, _) => {
                sql.push(" AND r.id IN (");
                sql.bind_list(self.values.iter().filter_map(|(value, _)| id_of(value))).push(")");
            }
            (FilterParam::LastUpdated, _) => {
                sql.push(" AND ");
                self.push_alternatives(sql, "r.last_updated", "r.last_updated");
            }
            (FilterParam::Param(_, kind), Modifier::Missing(is_missing)) => self.push_missing(sql, *kind, *is_missing),
            (FilterParam::Param(..), Modifier::Not) if self.values.is_empty() => {}
            (FilterParam::Param(..), modifier) => {
                let not = if *modifier == Modifier::Not { "NOT " } else { "" };
                let table = self.values.first().map_or("token_index", |(value, _)| table_of(value));
                sql.push(&format!(" AND r.res_key {not}IN (SELECT res_key FROM {table} WHERE param = "));
                sql.bind(self.param).push(" AND ");
                self.push_alternatives(sql, "low", "high");
                sql.push(")");
            }
        }
    }

    fn push_missing(&self, sql: &mut Builder, kind: Kind, is_missing: bool) {
        sql.push(" AND (");
        for (n, table) in tables_of(kind).iter().enumerate() {
            let (join, not) = match (n, is_missing) {
                (0, true) => ("", "NOT "),
                (0, false) => ("", ""),
                (_, true) => (" AND ", "NOT "),
                (_, false) => (" OR ", ""),
            };
            sql.push(&format!("{join}r.res_key {not}IN (SELECT res_key FROM {table} WHERE param = "));
            sql.bind(self.param).push(")");
        }
        sql.push(")");
    }

    fn push_alternatives(&self, sql: &mut Builder, low: &str, high: &str) {
        sql.push("(");
        for (n, (value, key)) in self.values.iter().enumerate() {
            sql.push(if n == 0 { "(" } else { " OR (" });
            push_value(sql, &self.filter.modifier, value, *key, (low, high));
            sql.push(")");
        }
        sql.push(")");
    }
}

fn id_of(value: &FilterValue) -> Option<&str> {
    match value {
        FilterValue::Id(id) => Some(id),
        _ => None,
    }
}

fn table_of(value: &FilterValue) -> &'static str {
    match value {
        FilterValue::Id(_) | FilterValue::Token { .. } => "token_index",
        FilterValue::String(_) => "string_index",
        FilterValue::Date { .. } => "date_index",
        FilterValue::Number { .. } => "number_index",
        FilterValue::Quantity { .. } => "quantity_index",
        FilterValue::Reference { .. } => "reference_index",
        FilterValue::Uri(_) => "uri_index",
        FilterValue::Composite(_) | FilterValue::OfType { .. } | FilterValue::Near { .. } => "composite_index",
    }
}

/// Where entries of a parameter of that kind may stand.
fn tables_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Token => &["token_index", "text_index"],
        Kind::String => &["string_index"],
        Kind::Date => &["date_index"],
        Kind::Number => &["number_index"],
        Kind::Quantity => &["quantity_index"],
        Kind::Reference => &["reference_index", "token_index"],
        Kind::Uri => &["uri_index", "reference_index"],
        Kind::Composite | Kind::Special => &["composite_index"],
    }
}

fn push_value(
    sql: &mut Builder,
    modifier: &Modifier,
    value: &FilterValue,
    key: Option<i64>,
    (low, high): (&str, &str),
) {
    match value {
        FilterValue::Id(id) => drop(sql.push("code = ").bind(id)),
        FilterValue::Token { system, code } => push_token(sql, system.is_some(), key, code.as_deref()),
        FilterValue::String(text) => push_string(sql, modifier, text),
        FilterValue::Date { prefix, start, end } => push_span(sql, *prefix, (low, high), (*start, *end)),
        FilterValue::Number { prefix, low: from, high: to } => push_span(sql, *prefix, (low, high), (*from, *to)),
        FilterValue::Quantity { prefix, low: from, high: to, system, code } => {
            match (key, system, code) {
                (Some(key), ..) => drop(sql.push("unit_key = ").bind(key).push(" AND ")),
                (None, _, Some(code)) => push_unit(sql, "code", code),
                (None, Some(system), None) => push_unit(sql, "system", system),
                (None, None, None) => {}
            }
            push_span(sql, *prefix, (low, high), (*from, *to));
        }
        FilterValue::Reference { id, .. } => match key {
            Some(key) => drop(sql.push("target_key = ").bind(key)),
            None => {
                sql.push("target_key IN (SELECT target_key FROM target WHERE id = ").bind(id);
                sql.push(" AND type <> '')");
            }
        },
        FilterValue::Uri(uri) => {
            sql.push("value = ").bind(clip(uri));
            if *modifier == Modifier::Below {
                sql.push(" OR ");
                push_prefix(sql, &format!("{uri}/"));
            }
        }
        FilterValue::Composite(_) | FilterValue::OfType { .. } | FilterValue::Near { .. } => drop(sql.push("1 = 0")),
    }
}

fn push_unit(sql: &mut Builder, column: &str, text: &str) {
    sql.push(&format!("unit_key IN (SELECT unit_key FROM unit WHERE {column} = "));
    sql.bind(clip(text)).push(") AND ");
}

fn push_token(sql: &mut Builder, has_system: bool, key: Option<i64>, code: Option<&str>) {
    if let Some(code) = code {
        sql.push("code = ").bind(clip(code));
    }
    if has_system {
        sql.push(if code.is_some() { " AND system_key = " } else { "system_key = " }).bind(key.unwrap_or(0));
    } else if code.is_none() {
        sql.push("1 = 1");
    }
}

fn push_string(sql: &mut Builder, modifier: &Modifier, text: &str) {
    let normalised = search::normalise(text);
    match modifier {
        Modifier::Exact => {
            sql.push("value = ").bind(clip(&normalised)).push(" AND exact_hash = ").bind(exact_hash(text));
        }
        Modifier::Contains => {
            let find = if sql.dialect() == Dialect::Sqlite { "instr" } else { "strpos" };
            sql.push(&format!("{find}(value, ")).bind(normalised).push(") > 0");
        }
        _ => push_prefix(sql, &normalised),
    }
}

fn push_prefix(sql: &mut Builder, start: &str) {
    let start = clip(start);
    sql.push("(value >= ").bind(start).push(" AND value < ").bind(format!("{start}{LAST_CHAR}")).push(")");
}

/// The table of [`Prefix::accepts`] in SQL.
fn push_span<T: Into<SqlValue> + Copy>(
    sql: &mut Builder,
    prefix: Prefix,
    (low, high): (&str, &str),
    (from, to): (T, T),
) {
    let parts: (&str, &str, T, &str, &str, Option<T>) = match prefix {
        Prefix::Eq => (low, " >= ", from, "AND", " <= ", Some(to)),
        Prefix::Ne => (low, " < ", from, "OR", " > ", Some(to)),
        Prefix::Gt => (high, " > ", to, "", "", None),
        Prefix::Lt => (low, " < ", from, "", "", None),
        Prefix::Ge => (high, " > ", to, "OR", " >= ", Some(from)),
        Prefix::Le => (low, " < ", from, "OR", " <= ", Some(to)),
        Prefix::Sa => (low, " > ", to, "", "", None),
        Prefix::Eb => (high, " < ", from, "", "", None),
        Prefix::Ap => (low, " <= ", to, "AND", " >= ", Some(from)),
    };
    let second = if matches!(prefix, Prefix::Ge) { low } else { high };
    let (column, operator, value, join, other_operator, other) = parts;
    sql.push("(").push(column).push(operator).bind(value);
    if let Some(other) = other {
        sql.push(&format!(" {join} {second}{other_operator}")).bind(other);
    }
    sql.push(")");
}
