//! Index entries as rows of the typed index tables.

use fhir::Json;
use search::{IndexEntry, IndexValue, Registry};

use crate::error::StoreError;
use crate::intern::{Interner, Name};
use crate::sql::Column::{F64, I64, Text};
use crate::sql::{Session, SqlValue, Statement, Table};

/// Longest text in an index row, in bytes: PostgreSQL refuses B-tree rows beyond 2,700. Longer texts that are alike so
/// far are found alike.
const TEXT_MAX: usize = 400;

/// The index tables.
pub(crate) static TABLES: [Table; 7] = [
    Table { name: "token_index", columns: &[("param", I64), ("code", Text), ("system_key", I64), ("res_key", I64)] },
    Table { name: "string_index", columns: &[("param", I64), ("value", Text), ("exact", Text), ("res_key", I64)] },
    Table { name: "date_index", columns: &[("param", I64), ("low", I64), ("high", I64), ("res_key", I64)] },
    Table { name: "number_index", columns: &[("param", I64), ("low", F64), ("high", F64), ("res_key", I64)] },
    Table {
        name: "quantity_index",
        columns: &[("param", I64), ("unit_key", I64), ("low", F64), ("high", F64), ("res_key", I64)],
    },
    Table { name: "reference_index", columns: &[("param", I64), ("target_key", I64), ("res_key", I64)] },
    Table { name: "uri_index", columns: &[("param", I64), ("value", Text), ("res_key", I64)] },
];

/// A row of the table at that place of [`TABLES`].
pub(crate) type IndexRow = (usize, Vec<SqlValue>);

/// The number under which values of a parameter on a type are indexed: 16 bits of the type's hash, 31 of the parameter.
pub(crate) fn param_key(type_name: &str, param: u32) -> i64 {
    let hash = type_name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let folded = (hash ^ (hash >> 16) ^ (hash >> 32) ^ (hash >> 48)) & 0xffff;
    (i64::try_from(folded).unwrap_or_default() << 31) | i64::from(param)
}

/// The exact text of a row in 32 bits, beside its folded text: for two texts that fold alike to share it is an accident of one in 2^32.
pub(crate) fn exact_hash(text: &str) -> i64 {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    i64::from(hash)
}

/// Cuts a text to what an index row holds.
pub(crate) fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_MAX)).unwrap_or(text)
}

/// The entries of a resource that stand in index tables: `_id` and `_lastUpdated` are columns of the resource.
pub(crate) fn entries(json: &Json, registry: &Registry) -> Vec<IndexEntry> {
    let mut entries = search::index(json, registry);
    entries.retain(|entry| {
        registry.by_id(entry.param).is_some_and(|param| param.code != "_id" && param.code != "_lastUpdated")
    });
    entries
}

/// The rows of those entries.
pub(crate) fn rows(
    session: &mut dyn Session,
    interner: &mut Interner,
    (type_name, res_key): (&str, i64),
    entries: &[IndexEntry],
) -> Result<Vec<IndexRow>, StoreError> {
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut values: Vec<SqlValue> = vec![param_key(type_name, entry.param).into()];
        let table = push_value(session, interner, &entry.value, &mut values)?;
        values.push(res_key.into());
        let row = (table, values);
        // Clipping may have made two alike; lists are short.
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    Ok(rows)
}

fn push_value(
    session: &mut dyn Session,
    interner: &mut Interner,
    value: &IndexValue,
    values: &mut Vec<SqlValue>,
) -> Result<usize, StoreError> {
    Ok(match value {
        IndexValue::Token { system, code } => {
            let system_key = system_key(session, interner, system.as_deref())?;
            values.extend([clip(code.as_deref().unwrap_or_default()).into(), system_key.into()]);
            0
        }
        IndexValue::String { normalised, exact } => {
            values.extend([clip(normalised).into(), clip(exact).into()]);
            1
        }
        IndexValue::Date { start, end } => {
            values.extend([(*start).into(), (*end).into()]);
            2
        }
        IndexValue::Number { low, high } => {
            values.extend([(*low).into(), (*high).into()]);
            3
        }
        IndexValue::Quantity { system, code, low, high } => {
            let text = |part: &Option<String>| clip(part.as_deref().unwrap_or_default()).to_owned();
            let unit_key = interner.key(session, &Name::Unit(text(system), text(code)))?;
            values.extend([unit_key.into(), (*low).into(), (*high).into()]);
            4
        }
        IndexValue::Reference { type_name, id, url } => {
            let name = match url {
                Some(url) => Name::Target(String::new(), clip(url).to_owned()),
                None => Name::Target(type_name.clone().unwrap_or_default(), id.clone().unwrap_or_default()),
            };
            values.push(interner.key(session, &name)?.into());
            5
        }
        IndexValue::Uri(uri) => {
            values.push(clip(uri).into());
            6
        }
        _ => return Ok(usize::MAX),
    })
}

fn system_key(session: &mut dyn Session, interner: &mut Interner, system: Option<&str>) -> Result<i64, StoreError> {
    // 0 is no system: keys begin at 1.
    system.map_or(Ok(0), |system| interner.key(session, &Name::System(clip(system).to_owned())))
}

/// Removes a row by its whole key.
pub(crate) fn delete(session: &mut dyn Session, (table, values): IndexRow) -> Result<(), StoreError> {
    let Some(table) = TABLES.get(table) else { return Ok(()) };
    let conditions: Vec<String> =
        table.columns.iter().enumerate().map(|(n, (column, _))| format!("{column} = ${}", n + 1)).collect();
    let sql = format!("DELETE FROM {} WHERE {}", table.name, conditions.join(" AND "));
    session.execute(&Statement::new(sql, values)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn keys_of_types_and_parameters_do_not_collide() {
        let definitions = definitions::Definitions::r4().unwrap();
        let registry = Registry::new(&definitions);
        let mut seen = HashMap::new();
        for type_name in definitions.resource_types() {
            for param in registry.params_of(type_name) {
                let other = seen.insert(param_key(type_name, param.id), (type_name, &param.code));
                assert!(other.is_none(), "{type_name}.{} and {other:?}", param.code);
            }
        }
        assert!(seen.len() > 1000, "{}", seen.len());
    }
}
