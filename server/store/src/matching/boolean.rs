//! Conditions as SQL on the key of a candidate.
//!
//! Two forms: *whole* answers any condition, by reading its ranges; *seek* answers for one candidate, by looking at its place in the index, and
//! is there only where the index has such a place.

use search::{Kind, Words};

use crate::builder::Builder;
use crate::matching::range::Range;
use crate::matching::resolve::{Index, Members, Resolved};
use crate::predicate::Visibility;
use crate::sql::Dialect;
use crate::version_row::keys_text;

/// Ranges of one index that are looked at for a candidate; more are rather judged.
const SEEKS_MAX: usize = 16;

/// Writes conditions for a caller.
pub(crate) struct Writer<'a> {
    /// What the caller may see: of targets and sources too.
    pub(crate) visible: &'a Visibility<'a>,
    /// Which SQL is written.
    pub(crate) dialect: Dialect,
}

impl Writer<'_> {
    /// Adds a condition on the key `key`.
    pub(crate) fn whole(&self, sql: &mut Builder, key: &str, resolved: &Resolved) {
        match resolved {
            Resolved::Index(index) => {
                sql.push(&format!("{key} IN ("));
                push_rows(sql, index);
                sql.push(")");
            }
            Resolved::Chain { param, targets } => {
                sql.push(&format!("{key} IN (SELECT e.res_key FROM reference_index e WHERE e.param = ")).bind(*param);
                sql.push(" AND e.target_key IN (");
                self.push_members(sql, targets);
                sql.push("))");
            }
            Resolved::Has { param, source } => {
                sql.push(&format!("{key} IN (SELECT e.target_key FROM reference_index e WHERE e.param = "));
                sql.bind(*param).push(" AND e.res_key IN (");
                self.push_members(sql, std::slice::from_ref(source));
                sql.push("))");
            }
            Resolved::Present { param, kind } => push_present(sql, key, *param, *kind),
            Resolved::Words { column, words } => push_words(sql, key, column, words),
            Resolved::Keys(keys) => {
                sql.push(&format!("{key} ")).bind_among(&keys_text(keys));
            }
            Resolved::Updated(_) => push_updated(sql, key, resolved),
            Resolved::All(all) => self.join(sql, key, all, ("1 = 1", " AND ")),
            Resolved::Any(some) => self.join(sql, key, some, ("1 = 0", " OR ")),
            Resolved::Not(one) => {
                sql.push("NOT ");
                self.whole(sql, key, one);
            }
        }
    }

    fn join(&self, sql: &mut Builder, key: &str, parts: &[Resolved], (empty, between): (&str, &str)) {
        if parts.is_empty() {
            sql.push(empty);
            return;
        }
        for (n, part) in parts.iter().enumerate() {
            sql.push(if n == 0 { "(" } else { between });
            self.whole(sql, key, part);
        }
        sql.push(")");
    }

    /// Adds a SELECT of the keys of members.
    fn push_members(&self, sql: &mut Builder, members: &[Members]) {
        for (n, member) in members.iter().enumerate() {
            if n > 0 {
                sql.push(" UNION ALL ");
            }
            // SQLite would rather walk the whole type than look the keys up; the sign keeps it from that.
            let has_keys = member.conditions.iter().any(|one| matches!(one, Resolved::Index(_) | Resolved::Keys(_)));
            let sign = if has_keys && self.dialect == Dialect::Sqlite { "+" } else { "" };
            sql.push(&format!("SELECT x.res_key FROM resource x WHERE {sign}x.type = ")).bind(&member.type_name);
            sql.push(" AND x.deleted = 0");
            for condition in &member.conditions {
                sql.push(" AND ");
                self.whole(sql, "x.res_key", condition);
            }
            self.visible.push(sql, "x", &member.type_name);
        }
        if members.is_empty() {
            sql.push("SELECT 0 WHERE 1 = 0");
        }
    }

    /// Whether the index can be asked for one candidate.
    pub(crate) fn can_seek(&self, resolved: &Resolved) -> bool {
        match resolved {
            Resolved::Index(index) => index.ranges.len() <= SEEKS_MAX && index.ranges.iter().all(Range::is_point),
            Resolved::Keys(_) | Resolved::Updated(_) => true,
            Resolved::Present { .. } | Resolved::Words { .. } => false,
            Resolved::Chain { targets, .. } => {
                targets.iter().all(|target| target.conditions.iter().all(|one| self.can_seek(one)))
            }
            Resolved::Has { source, .. } => source.conditions.iter().all(|one| self.can_seek(one)),
            Resolved::All(parts) | Resolved::Any(parts) => parts.iter().all(|one| self.can_seek(one)),
            Resolved::Not(one) => self.can_seek(one),
        }
    }

    /// Whether the database can tell it of one candidate: where the index cannot be asked, the other ends of a chain are read once for a
    /// statement, which is sooner than to judge each candidate by its body.
    pub(crate) fn can_tell(&self, resolved: &Resolved) -> bool {
        match resolved {
            Resolved::Chain { targets, .. } => {
                let is_read = |one: &Resolved| matches!(one, Resolved::Index(_)) || self.can_seek(one);
                targets.iter().all(|target| target.conditions.iter().all(is_read))
            }
            other => self.can_seek(other),
        }
    }

    /// Adds a condition for which [`Writer::can_tell`] holds. Each depth of references needs an alias of its own.
    pub(crate) fn seek(&self, sql: &mut Builder, key: &str, resolved: &Resolved, depth: usize) {
        match resolved {
            Resolved::Index(_) if !self.can_seek(resolved) => {
                // SQLite would try each of the other ends instead of looking the one up among them; the sign keeps it from that.
                let sign = if self.dialect == Dialect::Sqlite { "+" } else { "" };
                self.whole(sql, &format!("{sign}{key}"), resolved);
            }
            Resolved::Index(index) => {
                for (n, range) in index.ranges.iter().enumerate() {
                    sql.push(if n == 0 { "(" } else { " OR " });
                    let from = range.from(self.dialect, &format!("e{depth}"));
                    sql.push(&format!("{}EXISTS (SELECT 1 FROM {from} WHERE ", self.before_exists()));
                    range.push(sql, &format!("e{depth}"));
                    sql.push(&format!(" AND e{depth}.res_key = {key})"));
                }
                sql.push(if index.ranges.is_empty() { "1 = 0" } else { ")" });
            }
            Resolved::Chain { param, targets } => {
                for (n, target) in targets.iter().enumerate() {
                    sql.push(if n == 0 { "(" } else { " OR " });
                    let step = ("res_key", "target_key", *param, target);
                    self.seek_step(sql, key, step, depth);
                }
                sql.push(if targets.is_empty() { "1 = 0" } else { ")" });
            }
            Resolved::Has { param, source } => {
                self.seek_step(sql, key, ("target_key", "res_key", *param, source), depth);
            }
            Resolved::All(parts) | Resolved::Any(parts) => {
                let (empty, between) = match resolved {
                    Resolved::All(_) => ("1 = 1", " AND "),
                    _ => ("1 = 0", " OR "),
                };
                for (n, part) in parts.iter().enumerate() {
                    sql.push(if n == 0 { "(" } else { between });
                    self.seek(sql, key, part, depth);
                }
                sql.push(if parts.is_empty() { empty } else { ")" });
            }
            Resolved::Not(one) => {
                sql.push("NOT ");
                self.seek(sql, key, one, depth);
            }
            other => self.whole(sql, key, other),
        }
    }

    /// SQLite from 3.51 on makes a join of EXISTS, which comes last: behind the row of every candidate, whose body lies far from all others.
    /// The sign keeps it from that, so that only what exists is read.
    fn before_exists(&self) -> &'static str {
        if self.dialect == Dialect::Sqlite { "+" } else { "" }
    }

    /// A reference row from one end to the other, whose resource meets the conditions.
    fn seek_step(
        &self,
        sql: &mut Builder,
        key: &str,
        (near, far, param, members): (&str, &str, i64, &Members),
        depth: usize,
    ) {
        // An index row is of its type, and there are none of what is deleted.
        let is_known = far == "res_key" || members.conditions.iter().any(|one| matches!(one, Resolved::Index(_)));
        let needs_row = !is_known || !self.visible.is_unlimited(&members.type_name);
        let join = if needs_row { format!(" CROSS JOIN resource x{depth}") } else { String::new() };
        let sign = self.before_exists();
        sql.push(&format!("{sign}EXISTS (SELECT 1 FROM reference_index e{depth}{join} WHERE e{depth}.param = "));
        sql.bind(param);
        sql.push(&format!(" AND e{depth}.{near} = {key}"));
        for condition in &members.conditions {
            sql.push(" AND ");
            self.seek(sql, &format!("e{depth}.{far}"), condition, depth + 1);
        }
        if needs_row {
            sql.push(&format!(" AND x{depth}.res_key = e{depth}.{far} AND x{depth}.type = "));
            sql.bind(&members.type_name).push(&format!(" AND x{depth}.deleted = 0"));
            self.visible.push(sql, &format!("x{depth}"), &members.type_name);
        }
        sql.push(")");
    }
}

/// Adds a SELECT of the keys that the rows of an index hold.
pub(crate) fn push_rows(sql: &mut Builder, index: &Index) {
    let Some(first) = index.ranges.first() else {
        sql.push("SELECT 0 WHERE 1 = 0");
        return;
    };
    if index.ranges.len() > 1 && index.ranges.iter().all(|range| range.is_point() && range.table == first.table) {
        push_points(sql, index, first);
        return;
    }
    for (n, range) in index.ranges.iter().enumerate() {
        if n > 0 {
            sql.push(" UNION ALL ");
        }
        let from = range.from(sql.dialect(), "i");
        sql.push(&format!("SELECT i.res_key FROM {from} WHERE "));
        range.push(sql, "i");
    }
}

/// The points of one table in one list: a value set has more than a compound SELECT takes.
fn push_points(sql: &mut Builder, index: &Index, first: &Range) {
    let columns: Vec<String> = first.equal.iter().map(|(column, _)| format!("i.{column}")).collect();
    for (n, of_param) in index.ranges.chunk_by(|a, b| a.param == b.param).enumerate() {
        let Some(range) = of_param.first() else { continue };
        sql.push(if n == 0 { "" } else { " UNION ALL " });
        sql.push(&format!("SELECT i.res_key FROM {} i WHERE i.param = ", first.table)).bind(range.param);
        sql.push(&format!(" AND ({}) IN (VALUES ", columns.join(", ")));
        for (n, range) in of_param.iter().enumerate() {
            sql.push(if n == 0 { "(" } else { ", (" });
            sql.bind_list(range.equal.iter().map(|(_, value)| value.clone())).push(")");
        }
        sql.push(")");
    }
}

fn push_present(sql: &mut Builder, key: &str, param: i64, kind: Kind) {
    for (n, table) in tables_of(kind).iter().enumerate() {
        sql.push(if n == 0 { "(" } else { " OR " });
        sql.push(&format!("{key} IN (SELECT i.res_key FROM {table} i WHERE i.param = ")).bind(param).push(")");
    }
    sql.push(")");
}

/// Where values of a parameter of that kind may stand.
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

fn push_updated(sql: &mut Builder, key: &str, resolved: &Resolved) {
    let Resolved::Updated(moments) = resolved else { return };
    sql.push(&format!("{key} IN (SELECT u.res_key FROM resource u WHERE u.res_key = {key} AND ("));
    push_moments(sql, "u.last_updated", moments);
    sql.push("))");
}

/// Adds a test of the moment of a version.
pub(crate) fn push_moments(sql: &mut Builder, column: &str, moments: &[(search::Prefix, i64, i64)]) {
    use search::Prefix as P;
    for (n, (prefix, start, end)) in moments.iter().enumerate() {
        sql.push(if n == 0 { "" } else { " OR " });
        let (operator, value) = match prefix {
            P::Eq | P::Ap => {
                sql.push(&format!("({column} >= ")).bind(*start).push(&format!(" AND {column} <= ")).bind(*end);
                sql.push(")");
                continue;
            }
            P::Ne => {
                sql.push(&format!("({column} < ")).bind(*start).push(&format!(" OR {column} > ")).bind(*end);
                sql.push(")");
                continue;
            }
            P::Gt | P::Sa => (">", end),
            P::Lt | P::Eb => ("<", start),
            P::Ge => (">=", start),
            P::Le => ("<=", end),
        };
        sql.push(&format!("{column} {operator} ")).bind(*value);
    }
    if moments.is_empty() {
        sql.push("1 = 0");
    }
}

fn push_words(sql: &mut Builder, key: &str, column: &str, words: &Words) {
    match sql.dialect() {
        Dialect::Sqlite => {
            sql.push(&format!("{key} IN (SELECT f.rowid FROM full_text f WHERE full_text MATCH "));
            sql.bind(format!("{column}: ({})", match_of_sqlite(words))).push(")");
        }
        Dialect::Postgres => {
            sql.push(&format!("{key} IN (SELECT f.res_key FROM full_text f WHERE f.{column} @@ to_tsquery('simple', "));
            sql.bind(match_of_postgres(words)).push("))");
        }
    }
}

/// Words are letters and digits only, so quotes cannot be broken out of.
fn match_of_sqlite(words: &Words) -> String {
    let join = |parts: &[Words], between: &str| {
        let parts: Vec<String> = parts.iter().map(match_of_sqlite).collect();
        format!("({})", parts.join(between))
    };
    match words {
        Words::Word(word) => format!("\"{word}\""),
        Words::Prefix(word) => format!("\"{word}\" *"),
        Words::All(parts) => join(parts, " AND "),
        Words::Any(parts) => join(parts, " OR "),
        Words::Without(one, other) => format!("({} NOT {})", match_of_sqlite(one), match_of_sqlite(other)),
    }
}

fn match_of_postgres(words: &Words) -> String {
    let join = |parts: &[Words], between: &str| {
        let parts: Vec<String> = parts.iter().map(match_of_postgres).collect();
        format!("({})", parts.join(between))
    };
    match words {
        Words::Word(word) => format!("'{word}'"),
        Words::Prefix(word) => format!("'{word}':*"),
        Words::All(parts) => join(parts, " & "),
        Words::Any(parts) => join(parts, " | "),
        Words::Without(one, other) => format!("({} & !{})", match_of_postgres(one), match_of_postgres(other)),
    }
}
