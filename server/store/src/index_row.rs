//! Index entries as rows of the typed index tables.

use fhir::Json;
use search::{IndexEntry, IndexValue, Registry};

use crate::error::StoreError;
use crate::intern::{Name, Names};
use crate::matching::range::span_class;
use crate::sql::Column::{F64, I64, Text};
use crate::sql::{Session, SqlValue, Statement, Table};

/// Longest text in an index row, in bytes: PostgreSQL refuses B-tree rows beyond 2,700. Longer texts that are alike so
/// far are found alike.
const TEXT_MAX: usize = 400;

/// The index tables.
pub(crate) static TABLES: [Table; 9] = [
    Table { name: "token_index", columns: &[("param", I64), ("code", Text), ("system_key", I64), ("res_key", I64)] },
    Table { name: "string_index", columns: &[("param", I64), ("value", Text), ("exact_hash", I64), ("res_key", I64)] },
    Table {
        name: "date_index",
        columns: &[("param", I64), ("span", I64), ("low", I64), ("high", I64), ("res_key", I64)],
    },
    Table { name: "number_index", columns: &[("param", I64), ("low", F64), ("high", F64), ("res_key", I64)] },
    Table {
        name: "quantity_index",
        columns: &[("param", I64), ("unit_key", I64), ("low", F64), ("high", F64), ("res_key", I64)],
    },
    Table { name: "reference_index", columns: &[("param", I64), ("target_key", I64), ("res_key", I64)] },
    Table { name: "uri_index", columns: &[("param", I64), ("value", Text), ("res_key", I64)] },
    Table { name: "text_index", columns: &[("param", I64), ("text_key", I64), ("res_key", I64)] },
    Table {
        name: "composite_index",
        columns: &[
            ("param", I64),
            ("code", Text),
            ("system_key", I64),
            ("text", Text),
            ("key", I64),
            ("low", F64),
            ("high", F64),
            ("res_key", I64),
        ],
    },
];

/// Where [`TABLES`] has `composite_index`.
const COMPOSITE: usize = 8;

/// A row of an index table, but for the numbers of names and of its resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexRow {
    /// Which of [`TABLES`].
    table: usize,
    /// The values; 0 where a name belongs.
    values: Vec<SqlValue>,
    /// Columns that hold names, and the places of those names.
    names: [Option<(usize, usize)>; 2],
}

/// The number under which values of a parameter on a type are indexed: 31 bits of a hash of both, so that index rows stay valid across
/// runs and versions. A test holds that no two of R4 share one; [`param_collision`] tells it of others.
pub(crate) fn param_key(type_name: &str, param: u32) -> i64 {
    let bytes = type_name.bytes().chain(param.to_le_bytes());
    i64::from(fold(fnv(bytes)) & 0x7fff_ffff)
}

/// The parameter, as type and code, whose index rows would mix with those of that parameter on that type: it must not be registered.
pub fn param_collision<'r>(registry: &'r Registry, type_name: &str, param: u32) -> Option<(&'r str, &'r str)> {
    let wanted = param_key(type_name, param);
    let types = registry.definitions().resource_types().iter();
    let mut all = types.flat_map(|known| registry.params_of(known).map(move |one| (known.as_str(), one)));
    all.find(|(known, one)| (*known != type_name || one.id != param) && param_key(known, one.id) == wanted)
        .map(|(known, one)| (known, one.code.as_str()))
}

/// What stands for the exact text in `string_index`.
pub(crate) fn exact_hash(text: &str) -> i64 {
    i64::from(fold(fnv(text.bytes())))
}

/// FNV-1a: stable across versions, which the hashes of the standard library are not.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Keeps the entropy of the high half.
fn fold(hash: u64) -> u32 {
    ((hash >> 32) ^ hash) as u32
}

/// Cuts a text to what an index row holds.
pub(crate) fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_MAX)).unwrap_or(text)
}

/// The entries of a resource that stand in index tables.
pub(crate) fn entries(json: &Json, registry: &Registry) -> Vec<IndexEntry> {
    let type_name = json.resource_type().unwrap_or_default();
    search::index_wanted(json, registry, &|param| registry.parts_of(type_name, param).is_none())
}

/// The rows of entries; names go into `names`.
pub(crate) fn rows(type_name: &str, entries: &[IndexEntry], names: &mut Names) -> Vec<IndexRow> {
    let mut rows: Vec<IndexRow> = Vec::with_capacity(entries.len());
    for entry in entries {
        let row = row(param_key(type_name, entry.param), &entry.value, names);
        // Clipping may have made two alike; lists are short.
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

impl IndexRow {
    /// The number of its parameter.
    pub(crate) fn param(&self) -> Option<i64> {
        param_of(&self.values)
    }

    /// Table and values, with the numbers of the names and of the resource.
    pub(crate) fn resolve(&self, keys: &[i64], res_key: i64) -> (&'static Table, Vec<SqlValue>) {
        let mut values = Vec::with_capacity(self.values.len() + 1);
        values.clone_from(&self.values);
        for (column, place) in self.names.into_iter().flatten() {
            if let (Some(value), Some(key)) = (values.get_mut(column), keys.get(place)) {
                *value = (*key).into();
            }
        }
        values.push(res_key.into());
        let [first, ..] = &TABLES;
        (TABLES.get(self.table).unwrap_or(first), values)
    }
}

fn row(param: i64, value: &IndexValue, names: &mut Names) -> IndexRow {
    let param = param.into();
    let (table, values, name) = match value {
        IndexValue::Token { system, code } => {
            let name = system_place(system.as_deref(), names).map(|place| (2, place));
            (0, vec![param, clip(code.as_deref().unwrap_or_default()).into(), 0_i64.into()], name)
        }
        IndexValue::String { normalised, exact } => {
            (1, vec![param, clip(normalised).into(), exact_hash(exact).into()], None)
        }
        IndexValue::Date { start, end } => {
            (2, vec![param, span_class(*start, *end).into(), (*start).into(), (*end).into()], None)
        }
        IndexValue::Number { low, high } => (3, vec![param, (*low).into(), (*high).into()], None),
        IndexValue::Quantity { system, code, low, high } => {
            let name = Some((1, unit_place(system.as_deref(), code.as_deref(), names)));
            (4, vec![param, 0_i64.into(), (*low).into(), (*high).into()], name)
        }
        IndexValue::Reference { type_name, id, url } => {
            let place = target_place(type_name.as_deref(), id.as_deref(), url.as_deref(), names);
            (5, vec![param, 0_i64.into()], Some((1, place)))
        }
        IndexValue::Uri(uri) => (6, vec![param, clip(uri).into()], None),
        IndexValue::Text(text) => {
            (7, vec![param, 0_i64.into()], Some((1, names.place(Name::Text(clip(text).to_owned())))))
        }
        IndexValue::Composite(values) => return composite(param, values, names),
        IndexValue::OfType { system, code, value } => {
            let name = system_place(system.as_deref(), names).map(|place| (2, place));
            let values =
                vec![clip(code).into(), 0_i64.into(), clip(value).into(), 0_i64.into(), 0.0.into(), 0.0.into()];
            (COMPOSITE, std::iter::once(param).chain(values).collect(), name)
        }
        IndexValue::Position { latitude, longitude } => {
            let (north, east) = ((*latitude).into(), (*longitude).into());
            (COMPOSITE, vec![param, "".into(), 0_i64.into(), "".into(), 0_i64.into(), north, east], None)
        }
    };
    IndexRow { table, values, names: [name, None] }
}

/// The row of a composite: its token, and what the other components add to it.
fn composite(param: SqlValue, components: &[IndexValue], names: &mut Names) -> IndexRow {
    let (mut token, mut system, mut text, mut key) = ("", None, "", None);
    for (n, component) in components.iter().enumerate() {
        match component {
            IndexValue::Token { system: of_code, code } => {
                let code = clip(code.as_deref().unwrap_or_default());
                let place = system_place(of_code.as_deref(), names);
                if n == 0 {
                    (token, system) = (code, place);
                } else {
                    (text, key) = (code, place);
                }
            }
            IndexValue::String { normalised, .. } | IndexValue::Text(normalised) => text = clip(normalised),
            IndexValue::Uri(uri) => text = clip(uri),
            IndexValue::Quantity { system, code, .. } => {
                key = Some(unit_place(system.as_deref(), code.as_deref(), names));
            }
            IndexValue::Reference { type_name, id, url } => {
                key = Some(target_place(type_name.as_deref(), id.as_deref(), url.as_deref(), names));
            }
            _ => {}
        }
    }
    let (low, high) = composite_span(components);
    let values = vec![param, token.into(), 0_i64.into(), text.into(), 0_i64.into(), low.into(), high.into()];
    IndexRow { table: COMPOSITE, values, names: [system.map(|place| (2, place)), key.map(|place| (4, place))] }
}

/// The numbers in the row of a composite.
pub(crate) fn composite_span(components: &[IndexValue]) -> (f64, f64) {
    let (mut low, mut high) = (0.0, 0.0);
    for (n, component) in components.iter().enumerate() {
        match component {
            // The ends of time are beyond what a real tells apart; they stay the ends.
            IndexValue::Date { start, end } => (low, high) = (*start as f64, *end as f64),
            // Of two numbers the second is the high end.
            IndexValue::Number { high: to, .. } if n == 2 => high = *to,
            IndexValue::Number { low: from, high: to } | IndexValue::Quantity { low: from, high: to, .. } => {
                (low, high) = (*from, *to);
            }
            _ => {}
        }
    }
    (low, high)
}

/// No system has the number 0: keys begin at 1.
fn system_place(system: Option<&str>, names: &mut Names) -> Option<usize> {
    system.map(|system| names.place(Name::System(clip(system).to_owned())))
}

fn unit_place(system: Option<&str>, code: Option<&str>, names: &mut Names) -> usize {
    let text = |part: Option<&str>| clip(part.unwrap_or_default()).to_owned();
    names.place(Name::Unit(text(system), text(code)))
}

fn target_place(type_name: Option<&str>, id: Option<&str>, url: Option<&str>, names: &mut Names) -> usize {
    names.place(match url {
        Some(url) => Name::Target(String::new(), clip(url).to_owned()),
        None => Name::Target(type_name.unwrap_or_default().to_owned(), id.unwrap_or_default().to_owned()),
    })
}

/// The number of the parameter of a row.
pub(crate) fn param_of(values: &[SqlValue]) -> Option<i64> {
    match values.first() {
        Some(SqlValue::I64(param)) => Some(*param),
        _ => None,
    }
}

/// Removes a row by its whole key.
pub(crate) fn delete(session: &mut dyn Session, table: &Table, values: Vec<SqlValue>) -> Result<(), StoreError> {
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
                let key = param_key(type_name, param.id);
                assert!((0..1 << 31).contains(&key));
                let other = seen.insert(key, (type_name, &param.code));
                assert!(other.is_none(), "{type_name}.{} and {other:?}", param.code);
            }
        }
        assert!(seen.len() > 1000, "{}", seen.len());
    }

    #[test]
    fn rows_that_a_migration_took_away_are_those_that_stand_under_other_parameters() {
        let definitions = definitions::Definitions::r4().unwrap();
        let registry = Registry::new(&definitions);
        let types = definitions.resource_types().iter();
        let all = types.flat_map(|name| registry.params_of(name).map(move |param| (name.as_str(), param.id)));
        let unions = all.filter(|(name, id)| registry.parts_of(name, *id).is_some());
        let mut keys: Vec<i64> = unions.map(|(name, id)| param_key(name, id)).collect();
        keys.sort_unstable();
        assert_eq!(keys, [281125155, 311920100, 1126456857, 1298105419, 1657278832, 1839650661]);
    }

    #[test]
    fn parameter_with_the_number_of_another_is_told() {
        let definitions = definitions::Definitions::r4().unwrap();
        let registry = Registry::new(&definitions);
        let known = registry.param("Patient", "gender").unwrap();
        assert_eq!(param_collision(&registry, "Patient", known.id), None);
        // Found by trying all numbers on Basic.
        assert_eq!(param_collision(&registry, "Basic", 1_930_788_190), Some(("Patient", "gender")));
    }
}
