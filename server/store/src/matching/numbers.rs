//! Ranges of numbers and quantities, each of which the index holds in the order of its beginning.

use search::Prefix;

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::clip;
use crate::matching::range::{Range, Test, UnitPart};
use crate::sql::{Session, SqlValue, Statement};

/// Units that are searched one by one, each in its own order; more are asked for inside the statement.
const UNITS_MAX: usize = 64;

/// The table of [`Prefix::accepts`] as ranges that overlap nowhere: tests, and whether they are of spans alone. Most numbers are no spans, so
/// that what ends late begins late.
pub(crate) fn spans(prefix: Prefix, (from, to): (f64, f64)) -> Vec<(Vec<Test>, bool)> {
    let is = |column, operator, value: f64| Test::Compare(column, operator, value.into());
    let one = |tests| vec![(tests, false)];
    match prefix {
        Prefix::Eq => one(vec![is("low", ">=", from), is("low", "<=", to), is("high", "<=", to)]),
        Prefix::Ne => one(vec![Test::Any(vec![is("low", "<", from), is("high", ">", to)])]),
        Prefix::Lt => one(vec![is("low", "<", from)]),
        Prefix::Le => one(vec![is("low", "<=", to), Test::Any(vec![is("low", "<", from), is("high", "<=", to)])]),
        Prefix::Sa => one(vec![is("low", ">", to)]),
        Prefix::Eb => one(vec![is("low", "<", from), is("high", "<", from)]),
        Prefix::Gt => {
            vec![(vec![is("low", ">", to)], false), (vec![is("low", "<=", to), is("high", ">", to)], true)]
        }
        Prefix::Ge => {
            vec![(vec![is("low", ">=", from)], false), (vec![is("low", "<", from), is("high", ">", to)], true)]
        }
        Prefix::Ap => vec![
            (vec![is("low", ">=", from), is("low", "<=", to)], false),
            (vec![is("low", "<", from), is("high", ">=", from)], true),
        ],
    }
}

/// The rows of a quantity among `rows`, whose columns before that of the unit are given. Each unit that it can be compared with is a range of
/// its own.
pub(crate) fn quantities(
    session: &mut dyn Session,
    (rows, column): (&Range, &'static str),
    (prefix, low, high): (Prefix, f64, f64),
    unit: (Option<&str>, Option<&str>),
    found: &mut Vec<Range>,
) -> Result<(), StoreError> {
    let mut add = |rows: &Range, ends| {
        found.extend(spans(prefix, ends).into_iter().map(|(tests, is_span)| rows.narrowed(tests, is_span)));
    };
    if let (Some(system), Some(code)) = unit {
        for (key, ends) in crate::matching::resolve::units(session, (system, code), (low, high))? {
            add(&rows.beside(vec![(column, key.into())]), ends);
        }
        return Ok(());
    }
    let keys = match unit {
        (None, Some(code)) => named(session, "code", clip(code))?,
        (Some(system), None) => named(session, "system", clip(system))?,
        _ => in_use(session, (rows, column))?,
    };
    if keys.len() <= UNITS_MAX {
        keys.into_iter().for_each(|key| add(&rows.beside(vec![(column, key.into())]), (low, high)));
        return Ok(());
    }
    let test = match unit {
        (None, Some(code)) => Some(Test::Unit(column, UnitPart::Code, clip(code).to_owned())),
        (Some(system), None) => Some(Test::Unit(column, UnitPart::System, clip(system).to_owned())),
        _ => None,
    };
    add(&rows.narrowed(test.into_iter().collect(), false), (low, high));
    Ok(())
}

/// The units of which a part is known.
fn named(session: &mut dyn Session, part: &str, text: &str) -> Result<Vec<i64>, StoreError> {
    let sql = format!("SELECT unit_key FROM unit WHERE {part} = $1 LIMIT {}", UNITS_MAX + 1);
    session.query(&Statement::new(sql, vec![text.into()]))?.iter().map(|row| row.i64(0)).collect()
}

/// The units that stand there, each found by one step over the rows of the one before; at most one more than are searched one by one.
fn in_use(session: &mut dyn Session, (rows, column): (&Range, &str)) -> Result<Vec<i64>, StoreError> {
    let mut keys: Vec<i64> = Vec::new();
    while keys.len() <= UNITS_MAX {
        let mut sql = Builder::new(session.dialect());
        sql.push(&format!("SELECT i.{column} FROM {} i WHERE ", rows.table));
        rows.push(&mut sql, "i");
        let after: SqlValue = keys.last().copied().unwrap_or(-1).into();
        sql.push(&format!(" AND i.{column} > ")).bind(after).push(&format!(" ORDER BY i.{column} LIMIT 1"));
        match session.query(&sql.build())?.first() {
            None => break,
            Some(row) => keys.push(row.i64(0)?),
        }
    }
    Ok(keys)
}
