//! Reads candidates until a page is full.

use search::{Direction, Judged};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::matching::boolean::{Writer, push_moments};
use crate::matching::candidate::Moment;
use crate::matching::judge::{Judge, Known};
use crate::matching::order::{Cursor, Order};
use crate::matching::plan::{Driver, Plan};
use crate::matching::range::Range;
use crate::matching::resolve::Resolved;
use crate::sql::{Dialect, Session, SqlRow, SqlValue};
use crate::version_row::{StoredVersion, VERSION_COLUMNS, keys_text, version_columns};

/// Candidates read at a time at the most: their bodies are in memory.
const CHUNK_MAX: usize = 512;
/// Candidates that are gathered to be sorted; more have to be narrowed.
const GATHER_MAX: usize = 100_000;

/// A match and where it stands.
pub(crate) struct Match {
    /// Where it stands.
    pub(crate) cursor: Cursor,
    /// What matched.
    pub(crate) version: StoredVersion,
}

/// One walk.
pub(crate) struct Walk<'a> {
    /// What is walked.
    pub(crate) plan: &'a Plan,
    /// The query.
    pub(crate) query: &'a search::Query,
    /// Its conditions, made ready.
    pub(crate) resolved: &'a [Resolved],
    /// Writes conditions.
    pub(crate) writer: &'a Writer<'a>,
    /// The search parameters.
    pub(crate) registry: &'a search::Registry,
    /// The state.
    pub(crate) moment: Moment<'a>,
    /// Keys that are judged apart.
    pub(crate) apart: &'a [i64],
}

/// How far a walk has come.
#[derive(Debug, Clone)]
enum Place {
    Start,
    Key(i64),
    Commit(i64),
    Id(String),
    Row(SqlValue, SqlValue, i64),
    /// Behind the rows of a sort parameter: what has none, by key.
    Missing(i64),
}

impl Walk<'_> {
    /// The matches after a place, at most `count` and one.
    pub(crate) fn matches(
        &self,
        session: &mut dyn Session,
        after: Option<&Cursor>,
        count: usize,
    ) -> Result<Vec<Match>, StoreError> {
        let mut found: Vec<Match> = Vec::new();
        let mut place = if self.plan.gathers { Place::Start } else { self.place(after) };
        let is_judged = !self.plan.judged.is_empty() || self.plan.gathers;
        let mut chunk = if is_judged { (2 * count).clamp(32, CHUNK_MAX) } else { count + 1 };
        let mut examined = 0;
        let mut known = Known::default();
        loop {
            let rows = self.read(session, &place, chunk)?;
            let is_last = rows.len() < chunk;
            examined += rows.len();
            if self.plan.gathers && examined > GATHER_MAX {
                let message = format!("more than {GATHER_MAX} matches would have to be sorted; narrow the search");
                return Err(StoreError::TooCostly(message));
            }
            for (version, row_place) in rows {
                place = row_place;
                let Some(matched) = self.accept((session, &mut known), version, &place)? else { continue };
                if self.plan.gathers && after.is_some_and(|after| !self.is_after(&matched.cursor, after)) {
                    continue;
                }
                found.push(matched);
                if !self.plan.gathers && found.len() > count {
                    return Ok(found);
                }
            }
            if self.plan.gathers && found.len() > 4 * (count + 1) {
                self.sort(&mut found, count);
            }
            match (is_last, &place, self.plan.then_missing) {
                (false, ..) => chunk = (2 * chunk).min(CHUNK_MAX.max(count + 1)),
                (true, Place::Missing(_), _) | (true, _, None) => break,
                (true, ..) => place = Place::Missing(0),
            }
        }
        if self.plan.gathers {
            self.sort(&mut found, count);
        }
        Ok(found)
    }

    /// Whether one place is behind another.
    pub(crate) fn is_after(&self, cursor: &Cursor, after: &Cursor) -> bool {
        self.plan.order.compare(cursor, after) == std::cmp::Ordering::Greater
    }

    /// Sorts, and keeps what a page needs.
    pub(crate) fn sort(&self, found: &mut Vec<Match>, count: usize) {
        found.sort_by(|a, b| self.plan.order.compare(&a.cursor, &b.cursor));
        found.truncate(count + 1);
    }

    fn place(&self, after: Option<&Cursor>) -> Place {
        let Some(cursor) = after else { return Place::Start };
        let key = cursor.key();
        match (&self.plan.driver, self.plan.then_missing) {
            (Driver::Points(_) | Driver::Whole(_) | Driver::Person(_), _) => Place::Key(key),
            (Driver::Commits(_), _) => match cursor.value(0) {
                SqlValue::I64(seq) => Place::Commit(seq),
                _ => Place::Start,
            },
            (Driver::Ids(_), _) => match cursor.value(0) {
                SqlValue::Text(id) => Place::Id(id),
                _ => Place::Start,
            },
            (Driver::Ranges { .. }, None) => Place::Row(cursor.value(0), cursor.value(1), key),
            (Driver::Ranges { .. }, Some(_)) if cursor.value(0) == SqlValue::I64(1) => Place::Missing(key),
            (Driver::Ranges { .. }, Some(_)) => Place::Row(cursor.value(1), cursor.value(2), key),
        }
    }

    /// The candidate as a match; nothing when it is none, or when another row of it comes first.
    fn accept(
        &self,
        (session, known): (&mut dyn Session, &mut Known),
        version: StoredVersion,
        place: &Place,
    ) -> Result<Option<Match>, StoreError> {
        let order = &self.plan.order;
        let row = match place {
            Place::Row(first, second, _) => Some((first, second)),
            _ => None,
        };
        let row_is_enough = self.plan.is_single && row.is_some();
        let mut judged: Option<Judged> = None;
        if !self.plan.judged.is_empty() || (order.reads_entries() && !row_is_enough) {
            let conditions: Vec<&search::Condition> =
                self.plan.judged.iter().filter_map(|place| self.query.conditions.get(*place)).collect();
            let mut judge = Judge { session, moment: self.moment, registry: self.registry, known };
            judged = judge.accept(&version, &conditions, order)?;
            if judged.is_none() {
                return Ok(None);
            }
        }
        let cursor = match (row, order) {
            (Some((first, second)), Order::Row(..)) if row_is_enough => {
                order.at_row(first.clone(), second.clone(), version.res_key)
            }
            _ => order.cursor(&version, judged.as_ref().filter(|_| !self.plan.is_blank), self.registry),
        };
        if let Some((first, second)) = row {
            let at = if matches!(order, Order::Sort(_)) { 1 } else { 0 };
            if cursor.value(at) != *first || cursor.value(at + 1) != *second {
                return Ok(None);
            }
        }
        Ok(Some(Match { cursor, version }))
    }

    fn read(
        &self,
        session: &mut dyn Session,
        place: &Place,
        limit: usize,
    ) -> Result<Vec<(StoredVersion, Place)>, StoreError> {
        if let (Place::Missing(key), Some((param, kind))) = (place, self.plan.then_missing) {
            let mut sql = self.select("");
            sql.push(" FROM resource r WHERE r.type = ")
                .bind(&self.query.type_name)
                .push(" AND r.deleted = 0 AND NOT ");
            self.writer.whole(&mut sql, "r.res_key", &Resolved::Present { param, kind });
            sql.push(" AND r.res_key > ").bind(*key);
            self.finish(&mut sql, "r.res_key", ("r.res_key", limit));
            return rows(session, sql, |version, _| Place::Missing(version.res_key));
        }
        let key = match place {
            Place::Key(key) => *key,
            _ => 0,
        };
        match &self.plan.driver {
            Driver::Points(at) => self.read_points(session, *at, (key, limit)),
            Driver::Whole(at) => {
                let mut sql = self.select("");
                // SQLite would rather walk the whole type than look the keys up; the sign keeps it from that.
                let sign = if self.writer.dialect == Dialect::Sqlite { "+" } else { "" };
                sql.push(&format!(" FROM resource r WHERE {sign}r.type = ")).bind(&self.query.type_name);
                sql.push(" AND r.deleted = 0");
                if let Some(resolved) = self.resolved.get(*at) {
                    sql.push(" AND ");
                    self.writer.whole(&mut sql, "r.res_key", resolved);
                }
                sql.push(" AND r.res_key > ").bind(key);
                self.finish(&mut sql, "r.res_key", ("r.res_key", limit));
                rows(session, sql, |version, _| Place::Key(version.res_key))
            }
            Driver::Person(person) => {
                let mut sql = self.select("");
                sql.push(" FROM resource r WHERE r.res_key IN (SELECT c.res_key FROM patient p JOIN compartment c ");
                sql.push("ON c.patient_key = p.patient_key WHERE p.person_key = ").bind(*person);
                sql.push(" AND c.type = ").bind(&self.query.type_name);
                sql.push(") AND r.deleted = 0 AND r.res_key > ").bind(key);
                self.finish(&mut sql, "r.res_key", ("r.res_key", limit));
                rows(session, sql, |version, _| Place::Key(version.res_key))
            }
            Driver::Commits(direction) => self.read_commits(session, *direction, (place, limit)),
            Driver::Ids(direction) => self.read_ids(session, *direction, (place, limit)),
            Driver::Ranges { ranges, direction } => {
                let mut all = Vec::new();
                for range in ranges {
                    all.extend(self.read_range(session, (range, *direction), (place, limit))?);
                }
                if ranges.len() > 1 {
                    all.sort_by(|(_, a), (_, b)| compare_rows(a, b, *direction));
                    // A quantity is indexed under its code and under its unit for people.
                    all.dedup_by(|(_, a), (_, b)| compare_rows(a, b, *direction).is_eq());
                    all.truncate(limit);
                }
                Ok(all)
            }
        }
    }

    fn select(&self, more: &str) -> Builder {
        let mut sql = Builder::new(self.writer.dialect);
        sql.push(concat!("SELECT ", version_columns!("r"))).push(more);
        sql
    }

    /// Adds what every candidate must meet, the order and the limit.
    fn finish(&self, sql: &mut Builder, key: &str, (order, limit): (&str, usize)) {
        for place in &self.plan.seeks {
            match self.resolved.get(*place) {
                Some(Resolved::Updated(moments)) => {
                    sql.push(" AND (");
                    push_moments(sql, "r.last_updated", moments);
                    sql.push(")");
                }
                Some(resolved) => {
                    sql.push(" AND ");
                    self.writer.seek(sql, key, resolved, 0);
                }
                None => {}
            }
        }
        if !self.moment.is_now() {
            sql.push(" AND r.commit_seq <= ").bind(self.moment.as_of);
            if !self.apart.is_empty() {
                sql.push(" AND NOT r.res_key ");
                sql.bind_among(&keys_text(self.apart));
            }
        }
        self.writer.visible.push(sql, "r", &self.query.type_name);
        sql.push(&format!(" ORDER BY {order} LIMIT ")).bind(i64::try_from(limit).unwrap_or(i64::MAX));
    }

    fn read_points(
        &self,
        session: &mut dyn Session,
        at: usize,
        (after, limit): (i64, usize),
    ) -> Result<Vec<(StoredVersion, Place)>, StoreError> {
        let Some(Resolved::Index(index)) = self.resolved.get(at) else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for range in &index.ranges {
            let mut sql = self.select("");
            // SQLite keeps the order of a CROSS JOIN; to PostgreSQL it is an inner join.
            sql.push(&format!(" FROM {} d CROSS JOIN resource r WHERE ", range.table));
            range.push(&mut sql, "d");
            sql.push(" AND d.res_key > ").bind(after).push(" AND r.res_key = d.res_key");
            self.finish(&mut sql, "d.res_key", ("d.res_key", limit));
            all.extend(rows(session, sql, |version, _| Place::Key(version.res_key))?);
        }
        if index.ranges.len() > 1 {
            all.sort_by_key(|(version, _)| version.res_key);
            all.dedup_by_key(|(version, _)| version.res_key);
            all.truncate(limit);
        }
        Ok(all)
    }

    fn read_commits(
        &self,
        session: &mut dyn Session,
        direction: Direction,
        (place, limit): (&Place, usize),
    ) -> Result<Vec<(StoredVersion, Place)>, StoreError> {
        let (operator, order) = step(direction, "r.commit_seq");
        let mut sql = self.select("");
        sql.push(" FROM resource r WHERE r.type = ").bind(&self.query.type_name).push(" AND r.deleted = 0");
        if let Place::Commit(seq) = place {
            sql.push(&format!(" AND r.commit_seq {operator} ")).bind(*seq);
        }
        self.finish(&mut sql, "r.res_key", (&order, limit));
        rows(session, sql, |version, _| Place::Commit(version.commit_seq))
    }

    fn read_ids(
        &self,
        session: &mut dyn Session,
        direction: Direction,
        (place, limit): (&Place, usize),
    ) -> Result<Vec<(StoredVersion, Place)>, StoreError> {
        let (operator, order) = step(direction, "d.id");
        let mut sql = self.select("");
        sql.push(" FROM target d CROSS JOIN resource r WHERE d.type = ").bind(&self.query.type_name);
        if let Place::Id(id) = place {
            sql.push(&format!(" AND d.id {operator} ")).bind(id);
        }
        sql.push(" AND r.res_key = d.target_key AND r.deleted = 0");
        self.finish(&mut sql, "r.res_key", (&order, limit));
        rows(session, sql, |version, _| Place::Id(version.facts.id.clone()))
    }

    fn read_range(
        &self,
        session: &mut dyn Session,
        (range, direction): (&Range, Direction),
        (place, limit): (&Place, usize),
    ) -> Result<Vec<(StoredVersion, Place)>, StoreError> {
        let (first, second) = range.ordered_by().unwrap_or(("low", "high"));
        let mut sql = self.select(&format!(", d.{first}, d.{second}"));
        sql.push(&format!(" FROM {} CROSS JOIN resource r WHERE ", range.from(self.writer.dialect, "d")));
        range.push(&mut sql, "d");
        let order = match direction {
            Direction::Ascending => format!("d.{first}, d.{second}, d.res_key"),
            Direction::Descending => format!("d.{first} DESC, d.{second} DESC, d.res_key"),
        };
        if let Place::Row(one, two, key) = place {
            match direction {
                Direction::Ascending => {
                    sql.push(&format!(" AND (d.{first}, d.{second}, d.res_key) > ("));
                    sql.bind(one.clone()).push(", ").bind(two.clone()).push(", ").bind(*key).push(")");
                }
                Direction::Descending => {
                    sql.push(&format!(" AND d.{first} <= ")).bind(one.clone());
                    sql.push(&format!(" AND ((d.{first}, d.{second}) < ("));
                    sql.bind(one.clone()).push(", ").bind(two.clone()).push(")");
                    sql.push(&format!(" OR (d.{first} = ")).bind(one.clone());
                    sql.push(&format!(" AND d.{second} = ")).bind(two.clone()).push(" AND d.res_key > ");
                    sql.bind(*key).push("))");
                }
            }
        }
        sql.push(" AND r.res_key = d.res_key");
        self.finish(&mut sql, "d.res_key", (&order, limit));
        rows(session, sql, |version, values| Place::Row(values.take(0), values.take(1), version.res_key))
    }
}

/// What comes after a place of a column, and the order by it.
fn step(direction: Direction, column: &str) -> (&'static str, String) {
    match direction {
        Direction::Ascending => (">", column.to_owned()),
        Direction::Descending => ("<", format!("{column} DESC")),
    }
}

fn rows(
    session: &mut dyn Session,
    sql: Builder,
    place: impl Fn(&StoredVersion, &mut SqlRow) -> Place,
) -> Result<Vec<(StoredVersion, Place)>, StoreError> {
    let read = |mut row: SqlRow| {
        let mut more = SqlRow(row.0.split_off(VERSION_COLUMNS.min(row.0.len())));
        let version = StoredVersion::from_row(row)?;
        let place = place(&version, &mut more);
        Ok((version, place))
    };
    session.query(&sql.build())?.into_iter().map(read).collect()
}

fn compare_rows(a: &Place, b: &Place, direction: Direction) -> std::cmp::Ordering {
    let (Place::Row(a1, a2, a_key), Place::Row(b1, b2, b_key)) = (a, b) else { return std::cmp::Ordering::Equal };
    let order = crate::matching::order::compare_values(a1, b1).then(crate::matching::order::compare_values(a2, b2));
    let order = if direction == Direction::Descending { order.reverse() } else { order };
    order.then(a_key.cmp(b_key))
}
