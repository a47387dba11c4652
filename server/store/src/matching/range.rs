//! Values of a condition as ranges of an index table.

use search::{Filter, FilterValue, Modifier, Prefix, normalise};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::{clip, exact_hash};
use crate::intern::{self, Name};
use crate::matching::numbers::{quantities, spans};
use crate::sql::{Dialect, Session, SqlValue};

/// Sorts after every continuation of a text that it is put behind.
const LAST_CHAR: char = char::MAX;

/// The longest span of each class of `date_index.span` but the last, in milliseconds: a day, a month, a year. What is short is
/// found by a narrow range of its beginning, whichever end a search looks at.
pub(crate) const SPANS_MS: [i64; 3] = [86_400_000, 31 * 86_400_000, 366 * 86_400_000];

/// The class of a span.
pub(crate) fn span_class(low: i64, high: i64) -> i64 {
    let length = high.saturating_sub(low);
    SPANS_MS.iter().position(|most| length <= *most).map_or(SPANS_MS.len() as i64, |class| class as i64)
}

/// Rows of one index table: those of one parameter that equal in the leading columns after it and pass the tests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    /// The table.
    pub(crate) table: &'static str,
    /// Parameter and type; [`ranges`] says which.
    pub(crate) param: i64,
    /// Leading columns and their values.
    pub(crate) equal: Vec<(&'static str, SqlValue)>,
    /// Further tests; all must hold.
    pub(crate) tests: Vec<Test>,
    /// Whether only spans of numbers are meant, which have an index of their own by their high end.
    pub(crate) is_span: bool,
}

/// A test of columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// Column, operator, value.
    Compare(&'static str, &'static str, SqlValue),
    /// One holds at least.
    Any(Vec<Test>),
    /// The column holds the text somewhere.
    Contains(&'static str, String),
    /// The column ends with the text, which is not empty.
    EndsWith(&'static str, String),
    /// The column is the key of a unit whose code or system is this.
    Unit(&'static str, UnitPart, String),
    /// `text_key` is the key of a text that begins so.
    TextPrefix(String),
}

/// What of a unit is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitPart {
    /// Its code, or the unit for people.
    Code,
    /// Its system.
    System,
}

impl Range {
    /// All rows of a table.
    pub(crate) fn all(table: &'static str) -> Range {
        Range::at(table, Vec::new())
    }

    /// The same rows, of which those that have further leading columns.
    pub(crate) fn beside(&self, more: Vec<(&'static str, SqlValue)>) -> Range {
        let equal = self.equal.iter().cloned().chain(more).collect();
        Range { equal, ..self.clone() }
    }

    /// The same rows, of which those that pass further tests.
    pub(crate) fn narrowed(&self, tests: Vec<Test>, is_span: bool) -> Range {
        let tests = self.tests.iter().cloned().chain(tests).collect();
        Range { tests, is_span, ..self.clone() }
    }

    fn at(table: &'static str, equal: Vec<(&'static str, SqlValue)>) -> Range {
        Range { table, param: 0, equal, tests: Vec::new(), is_span: false }
    }

    /// Whether all columns before `res_key` are given: its rows come in the order of keys and each resource has one.
    pub(crate) fn is_point(&self) -> bool {
        let columns = match self.table {
            "token_index" => 2,
            "reference_index" | "text_index" | "uri_index" => 1,
            _ => return false,
        };
        self.equal.len() == columns && self.tests.is_empty()
    }

    /// Whether its rows come in the order of two columns, which are those, and then of `res_key`.
    pub(crate) fn ordered_by(&self) -> Option<(&'static str, &'static str)> {
        let before = match self.table {
            "string_index" => return Some(("value", "exact_hash")),
            "number_index" => 0,
            "date_index" | "quantity_index" => 1,
            "composite_index" => 4,
            _ => return None,
        };
        (self.equal.len() == before).then_some(("low", "high"))
    }

    /// The table under an alias. SQLite is told the index of spans: it cannot know that they are few.
    pub(crate) fn from(&self, dialect: Dialect, alias: &str) -> String {
        let index = match self.table {
            "number_index" => "number_span",
            "quantity_index" => "quantity_span",
            _ => "composite_span",
        };
        match (self.is_span, dialect) {
            (true, Dialect::Sqlite) => format!("{} {alias} INDEXED BY {index}", self.table),
            _ => format!("{} {alias}", self.table),
        }
    }

    /// The rows that are in another range of the same parameter too; nothing when none can be.
    pub(crate) fn and(&self, other: &Range) -> Option<Range> {
        let is_same = (self.table, self.param, &self.equal) == (other.table, other.param, &other.equal);
        let tests = self.tests.iter().chain(&other.tests).cloned().collect();
        is_same.then(|| Range { tests, is_span: self.is_span || other.is_span, ..self.clone() })
    }

    /// Adds the comparison of its columns, `param` the first.
    pub(crate) fn push(&self, sql: &mut Builder, alias: &str) {
        sql.push(&format!("{alias}.param = ")).bind(self.param);
        for (column, value) in &self.equal {
            sql.push(&format!(" AND {alias}.{column} = ")).bind(value.clone());
        }
        for test in &self.tests {
            sql.push(" AND ");
            test.push(sql, alias);
        }
        if self.is_span {
            sql.push(&format!(" AND {alias}.low < {alias}.high"));
        }
    }
}

impl Test {
    fn push(&self, sql: &mut Builder, alias: &str) {
        match self {
            Test::Compare(column, operator, value) => {
                sql.push(&format!("{alias}.{column} {operator} ")).bind(value.clone());
            }
            Test::Any(tests) => {
                for (n, test) in tests.iter().enumerate() {
                    sql.push(if n == 0 { "(" } else { " OR " });
                    test.push(sql, alias);
                }
                sql.push(")");
            }
            Test::Contains(column, text) => {
                let find = if sql.dialect() == Dialect::Sqlite { "instr" } else { "strpos" };
                sql.push(&format!("{find}({alias}.{column}, ")).bind(text).push(") > 0");
            }
            Test::EndsWith(column, text) => {
                let count = text.chars().count();
                let end = match sql.dialect() {
                    Dialect::Sqlite => format!("substr({alias}.{column}, -{count})"),
                    Dialect::Postgres => format!("right({alias}.{column}, {count})"),
                };
                sql.push(&end).push(" = ").bind(text);
            }
            Test::Unit(column, part, text) => {
                let of = if *part == UnitPart::Code { "code" } else { "system" };
                sql.push(&format!("{alias}.{column} IN (SELECT unit_key FROM unit WHERE {of} = ")).bind(text).push(")");
            }
            Test::TextPrefix(start) => {
                sql.push(&format!("{alias}.text_key IN (SELECT text_key FROM text WHERE value >= ")).bind(start);
                sql.push(" AND value < ").bind(format!("{start}{LAST_CHAR}")).push(")");
            }
        }
    }
}

/// The ranges in which any value of the filter lies; none when no name of them is known here.
pub(crate) fn ranges(session: &mut dyn Session, param: i64, filter: &Filter) -> Result<Vec<Range>, StoreError> {
    let mut found = Vec::new();
    for value in &filter.values {
        one(session, param, &filter.modifier, value, &mut found)?;
    }
    found.iter_mut().for_each(|range| range.param = param);
    Ok(found)
}

fn one(
    session: &mut dyn Session,
    param: i64,
    modifier: &Modifier,
    value: &FilterValue,
    found: &mut Vec<Range>,
) -> Result<(), StoreError> {
    match value {
        FilterValue::Token { system, code } => tokens(session, param, (system.as_ref(), code.as_deref()), found)?,
        FilterValue::String(text) if *modifier == Modifier::Text => texts(session, text, found)?,
        FilterValue::String(text) => found.push(string(modifier, text)),
        FilterValue::Date { prefix, start, end } => dates(*prefix, (*start, *end), found),
        FilterValue::Number { prefix, low, high } => {
            let all = Range::all("number_index");
            found
                .extend(spans(*prefix, (*low, *high)).into_iter().map(|(tests, is_span)| all.narrowed(tests, is_span)));
        }
        FilterValue::Quantity { prefix, low, high, system, code } => {
            let all = Range { param, ..Range::all("quantity_index") };
            quantities(
                session,
                (&all, "unit_key"),
                (*prefix, *low, *high),
                (system.as_deref(), code.as_deref()),
                found,
            )?;
        }
        FilterValue::Reference { type_name, id, url } => {
            references(session, (type_name.as_deref(), id, url.as_deref()), found)?;
        }
        FilterValue::Uri(uri) => {
            found.push(Range::at("uri_index", vec![("value", clip(uri).into())]));
            if *modifier == Modifier::Below {
                let mut below = Range::all("uri_index");
                below.tests = prefix_tests("value", &format!("{uri}/"));
                found.push(below);
            }
        }
        FilterValue::Composite(parts) => composites(session, param, parts, found)?,
        FilterValue::OfType { system, code, value } => {
            let mut range = Range::at("composite_index", vec![("code", clip(code).into())]);
            if let Some(system) = system {
                let Some(key) = intern::find(session, &Name::System(clip(system).to_owned()))? else { return Ok(()) };
                range.equal.extend([("system_key", key.into()), ("text", clip(value).into())]);
            } else {
                range.tests.push(Test::Compare("text", "=", clip(value).into()));
            }
            found.push(range);
        }
        // Answered by keys that are worked out before.
        FilterValue::Near { .. } | FilterValue::Id(_) => {}
    }
    Ok(())
}

/// A code without a system is looked up under each system that it has here: then every range is one point of the index.
fn tokens(
    session: &mut dyn Session,
    param: i64,
    (system, code): (Option<&Option<String>>, Option<&str>),
    found: &mut Vec<Range>,
) -> Result<(), StoreError> {
    let system_key = match system {
        None => None,
        Some(None) => Some(0),
        Some(Some(system)) => match intern::find(session, &Name::System(clip(system).to_owned()))? {
            Some(key) => Some(key),
            None => return Ok(()),
        },
    };
    let point =
        |code: &str, key: i64| Range::at("token_index", vec![("code", clip(code).into()), ("system_key", key.into())]);
    match (code, system_key) {
        (Some(code), Some(key)) => found.push(point(code, key)),
        (Some(code), None) => {
            for key in systems_of(session, "token_index", param, code)? {
                found.push(point(code, key));
            }
        }
        (None, Some(key)) => {
            let mut range = Range::all("token_index");
            range.tests.push(Test::Compare("system_key", "=", key.into()));
            found.push(range);
        }
        (None, None) => found.push(Range::all("token_index")),
    }
    Ok(())
}

/// The systems under which a code stands, each found by one step over the rows of the one before.
fn systems_of(session: &mut dyn Session, table: &'static str, param: i64, code: &str) -> Result<Vec<i64>, StoreError> {
    let mut systems = Vec::new();
    let mut after = -1;
    loop {
        let mut sql = Builder::new(session.dialect());
        sql.push(&format!("SELECT system_key FROM {table} WHERE param = ")).bind(param);
        sql.push(" AND code = ").bind(clip(code)).push(" AND system_key > ").bind(after);
        sql.push(" ORDER BY system_key LIMIT 1");
        match session.query(&sql.build())?.first() {
            None => return Ok(systems),
            Some(row) => {
                after = row.i64(0)?;
                systems.push(after);
            }
        }
    }
}

/// Texts that begin so: a few are points, more are asked for inside the statement.
fn texts(session: &mut dyn Session, text: &str, found: &mut Vec<Range>) -> Result<(), StoreError> {
    const TEXTS_MAX: usize = 64;
    let normalised = normalise(text);
    let start = clip(&normalised);
    let mut sql = Builder::new(session.dialect());
    sql.push("SELECT text_key FROM text WHERE value >= ").bind(start);
    sql.push(" AND value < ").bind(format!("{start}{LAST_CHAR}")).push(" LIMIT 65");
    let rows = session.query(&sql.build())?;
    if rows.len() > TEXTS_MAX {
        found.push(Range { tests: vec![Test::TextPrefix(start.to_owned())], ..Range::all("text_index") });
        return Ok(());
    }
    for row in &rows {
        found.push(Range::at("text_index", vec![("text_key", row.i64(0)?.into())]));
    }
    Ok(())
}

fn string(modifier: &Modifier, text: &str) -> Range {
    let normalised = normalise(text);
    match modifier {
        Modifier::Exact => Range::at(
            "string_index",
            vec![("value", clip(&normalised).into()), ("exact_hash", exact_hash(text).into())],
        ),
        Modifier::Contains => Range { tests: vec![Test::Contains("value", normalised)], ..Range::all("string_index") },
        Modifier::EndsWith => Range { tests: vec![Test::EndsWith("value", normalised)], ..Range::all("string_index") },
        _ => Range { tests: prefix_tests("value", &normalised), ..Range::all("string_index") },
    }
}

fn prefix_tests(column: &'static str, start: &str) -> Vec<Test> {
    let start = clip(start);
    vec![Test::Compare(column, ">=", start.into()), Test::Compare(column, "<", format!("{start}{LAST_CHAR}").into())]
}

/// The table of [`Prefix::accepts`] as tests.
fn span<T: Into<SqlValue> + Copy>(
    prefix: Prefix,
    (low, high): (&'static str, &'static str),
    (from, to): (T, T),
) -> Vec<Test> {
    let is = |column, operator, value: T| Test::Compare(column, operator, value.into());
    match prefix {
        Prefix::Eq => vec![is(low, ">=", from), is(low, "<=", to), is(high, "<=", to)],
        Prefix::Ne => vec![Test::Any(vec![is(low, "<", from), is(high, ">", to)])],
        Prefix::Gt => vec![is(high, ">", to)],
        Prefix::Lt => vec![is(low, "<", from)],
        Prefix::Ge => vec![Test::Any(vec![is(high, ">", to), is(low, ">=", from)])],
        Prefix::Le => vec![Test::Any(vec![is(low, "<", from), is(high, "<=", to)])],
        Prefix::Sa => vec![is(low, ">", to)],
        Prefix::Eb => vec![is(high, "<", from)],
        Prefix::Ap => vec![is(low, "<=", to), is(high, ">=", from)],
    }
}

/// One range for each class of span; in each but the last a bound of the end is a bound of the beginning too.
fn dates(prefix: Prefix, (start, end): (i64, i64), found: &mut Vec<Range>) {
    for class in 0..=SPANS_MS.len() {
        let mut tests = Vec::new();
        // What the end must reach at least, and at most.
        let least = match prefix {
            Prefix::Gt | Prefix::Ge | Prefix::Ap => Some(start.min(end)),
            _ => None,
        };
        let most = match prefix {
            Prefix::Le | Prefix::Eb => Some(end.max(start)),
            _ => None,
        };
        if let (Some(least), Some(length)) = (least, SPANS_MS.get(class)) {
            tests.push(Test::Compare("low", ">=", least.saturating_sub(*length).into()));
        }
        if let Some(most) = most {
            tests.push(Test::Compare("low", "<=", most.into()));
        }
        tests.extend(span(prefix, ("low", "high"), (start, end)));
        found.push(Range { tests, ..Range::at("date_index", vec![("span", (class as i64).into())]) });
    }
}

fn references(
    session: &mut dyn Session,
    (type_name, id, url): (Option<&str>, &str, Option<&str>),
    found: &mut Vec<Range>,
) -> Result<(), StoreError> {
    let name = match (url, type_name) {
        (Some(url), _) => Name::Target(String::new(), clip(url).to_owned()),
        (None, Some(type_name)) => Name::Target(type_name.to_owned(), id.to_owned()),
        (None, None) => {
            let keys = "SELECT target_key FROM target WHERE id = $1 AND type <> ''";
            for row in session.query(&crate::sql::Statement::new(keys, vec![id.into()]))? {
                found.push(Range::at("reference_index", vec![("target_key", row.i64(0)?.into())]));
            }
            return Ok(());
        }
    };
    if let Some(key) = intern::find(session, &name)? {
        found.push(Range::at("reference_index", vec![("target_key", key.into())]));
    }
    Ok(())
}

/// The first component is a token; what stands where for the others, the schema says.
fn composites(
    session: &mut dyn Session,
    param: i64,
    parts: &[FilterValue],
    found: &mut Vec<Range>,
) -> Result<(), StoreError> {
    let Some((FilterValue::Token { system, code: Some(code) }, rest)) = parts.split_first() else {
        return Err(StoreError::Invalid("a composite value begins with a code".to_owned()));
    };
    let systems = match system {
        None => systems_of(session, "composite_index", param, code)?,
        Some(None) => vec![0],
        Some(Some(system)) => intern::find(session, &Name::System(clip(system).to_owned()))?.into_iter().collect(),
    };
    for system in systems {
        let equal = vec![("code", clip(code).into()), ("system_key", system.into())];
        let first = Range { param, ..Range::at("composite_index", equal) };
        match rest {
            [second] => component(session, &first, second, found)?,
            [
                FilterValue::Number { prefix: p, low: a, high: b },
                FilterValue::Number { prefix: q, low: c, high: d },
            ] => {
                let mut tests = span(*p, ("low", "low"), (*a, *b));
                tests.extend(span(*q, ("high", "high"), (*c, *d)));
                found.push(first.beside(alone()).narrowed(tests, false));
            }
            _ => return Err(StoreError::Invalid("this composite parameter is not answered".to_owned())),
        }
    }
    Ok(())
}

/// What stands beside a span or number.
fn alone() -> Vec<(&'static str, SqlValue)> {
    vec![("text", "".into()), ("key", 0_i64.into())]
}

/// The rows of a composite whose token is known that meet its second component.
fn component(
    session: &mut dyn Session,
    first: &Range,
    value: &FilterValue,
    found: &mut Vec<Range>,
) -> Result<(), StoreError> {
    let text = |text: &str| vec![("text", SqlValue::from(clip(text)))];
    let spans_alone = |prefix, ends| {
        let alone = first.beside(alone());
        spans(prefix, ends).into_iter().map(move |(tests, is_span)| alone.narrowed(tests, is_span))
    };
    match value {
        FilterValue::Token { system, code } => {
            let key = match system {
                None => None,
                Some(None) => Some(0),
                Some(Some(system)) => match intern::find(session, &Name::System(clip(system).to_owned()))? {
                    Some(key) => Some(key),
                    None => return Ok(()),
                },
            };
            let key = key.map(SqlValue::from);
            found.push(match (code, key) {
                (Some(code), Some(key)) => first.beside(text(code)).beside(vec![("key", key)]),
                (Some(code), None) => first.beside(text(code)),
                (None, Some(key)) => first.narrowed(vec![Test::Compare("key", "=", key)], false),
                (None, None) => first.clone(),
            });
        }
        FilterValue::String(wanted) => found.push(first.narrowed(prefix_tests("text", &normalise(wanted)), false)),
        FilterValue::Uri(uri) => found.push(first.beside(text(uri))),
        FilterValue::Date { prefix, start, end } => {
            // Whole milliseconds up to the year 287,396 are exact as a float.
            found.extend(spans_alone(*prefix, (*start as f64, *end as f64)));
        }
        FilterValue::Number { prefix, low, high } => found.extend(spans_alone(*prefix, (*low, *high))),
        FilterValue::Quantity { prefix, low, high, system, code } => {
            let unit = (system.as_deref(), code.as_deref());
            quantities(session, (&first.beside(text("")), "key"), (*prefix, *low, *high), unit, found)?;
        }
        FilterValue::Reference { type_name, id, url } => {
            let mut referred = Vec::new();
            references(session, (type_name.as_deref(), id, url.as_deref()), &mut referred)?;
            let keys = referred.into_iter().flat_map(|range| range.equal).map(|(_, key)| ("key", key));
            found.extend(keys.map(|key| first.beside(text("")).beside(vec![key])));
        }
        _ => return Err(StoreError::Invalid("this composite parameter is not answered".to_owned())),
    }
    Ok(())
}
