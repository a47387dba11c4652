//! Search within one type, in pages that stay what they were when the first was read.
//!
//! A later page as of commit number S joins two lists in the same order: current rows written by S, and versions that were
//! current at S and have been superseded since. The second are few; they are judged in memory from their bodies, so the
//! index holds current rows only.

use std::cmp::Ordering;
use std::sync::Arc;

use fhir::Instant;
use policy::{Grant, Version};
use search::{Filter, FilterParam, FilterValue, Query, Registry, SortKey, Summary, Total};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::open::Store;
use crate::predicate::{Reach, Visibility};
use crate::search_filter::{Condition, Point, conditions, filters};
use crate::search_sort::{Cursor, Order};
use crate::sql::{Session, Statement};
use crate::version_row::{StoredVersion, VERSION_COLUMNS, complete, keys_text, version_columns};

/// A number in commit order: everything up to it is one state of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitSeq(pub i64);

/// Which page of a search.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The state that is searched; the newest when this is the first page.
    pub as_of: Option<CommitSeq>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// Most matches of this page.
    pub count: u32,
}

/// A page of matches.
#[derive(Debug)]
pub struct SearchResult {
    /// The matches in order.
    pub matches: Vec<Version>,
    /// How many there are in all, on the first page, when it was asked for or cheap.
    pub total: Option<u64>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// The state that was searched.
    pub as_of: CommitSeq,
}

/// How far a total that nobody asked for is counted.
const UNASKED_TOTAL_MAX: i64 = 10_000;
/// How far alternatives are counted to find the one that narrows most.
const ESTIMATE_MAX: i64 = 2_000;
/// Superseded versions judged at a time: their bodies are in memory.
const CHUNK: usize = 256;

impl Store {
    /// Searches a type.
    pub async fn search(&self, grant: &Grant, query: &Query, page: Page) -> Result<SearchResult, StoreError> {
        let (grant, query, now) = (grant.clone(), query.clone(), (self.inner.clock)());
        let registry = Arc::clone(&self.inner.registry);
        self.read_bounded(move |session| {
            let mut visible = Visibility::of(session, &grant, Reach::Search, now)?;
            visible.check_type(&query.type_name)?;
            if reads_redacted(&grant, &query, &registry) {
                visible.hide_redacted(session)?;
            }
            let conditions = conditions(session, &query)?;
            let search = Search { query: &query, registry: &registry, visible: &visible, conditions: &conditions };
            search.page(session, page, now)
        })
        .await
    }

    /// The newest state.
    pub async fn commit_seq(&self) -> Result<CommitSeq, StoreError> {
        self.read_inline(newest).await
    }
}

/// Keys of current resources that match and that the grant may find, for the writer: a condition must not tell of what a search hides.
pub(crate) fn find_current(
    session: &mut dyn Session,
    query: &Query,
    (grant, registry, now): (&Grant, &Registry, Instant),
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let mut visible = Visibility::of(session, grant, Reach::Search, now)?;
    if reads_redacted(grant, query, registry) {
        visible.hide_redacted(session)?;
    }
    let conditions = conditions(session, query)?;
    if conditions.iter().any(|condition| matches!(condition, Condition::Never)) {
        return Ok(Vec::new());
    }
    let mut sql = Builder::new(session.dialect());
    sql.push("SELECT r.res_key FROM resource r WHERE r.type = ").bind(&query.type_name).push(" AND r.deleted = 0");
    for condition in &conditions {
        match condition {
            Condition::Point(point) => point.push_exists(&mut sql),
            Condition::Other(other) => other.push(&mut sql),
            Condition::Never => {}
        }
    }
    visible.push(&mut sql, "r", &query.type_name);
    sql.push(" LIMIT ").bind(limit);
    session.query(&sql.build())?.iter().map(|row| row.i64(0)).collect()
}

fn newest(session: &mut dyn Session) -> Result<CommitSeq, StoreError> {
    let rows = session.query(&Statement::new("SELECT commit_seq FROM store_state WHERE id = 1", Vec::new()))?;
    rows.first().map_or(Ok(CommitSeq(0)), |row| row.i64(0).map(CommitSeq))
}

/// Whether a search would tell what release hides: then redacted persons are not found at all.
fn reads_redacted(grant: &Grant, query: &Query, registry: &Registry) -> bool {
    let filtered = query.conditions.iter().filter_map(|condition| match condition {
        search::Condition::Filter(Filter { param: FilterParam::Param(id, _), .. }) => Some(*id),
        _ => None,
    });
    let sorted = query.sort.iter().filter_map(|(key, _)| match key {
        SortKey::Param(id, _) => Some(*id),
        SortKey::Id | SortKey::LastUpdated => None,
    });
    filtered
        .chain(sorted)
        .filter_map(|id| registry.by_id(id))
        .any(|param| grant.predicate().unsearchable(&query.type_name, &param.code))
}

struct Search<'a> {
    query: &'a Query,
    registry: &'a Registry,
    visible: &'a Visibility<'a>,
    conditions: &'a [Condition],
}

struct Match {
    cursor: Cursor,
    version: StoredVersion,
}

impl Search<'_> {
    fn page(&self, session: &mut dyn Session, page: Page, now: Instant) -> Result<SearchResult, StoreError> {
        let newest = newest(session)?;
        let as_of = page.as_of.unwrap_or(newest);
        if as_of > newest {
            return Err(StoreError::Invalid("the page is of a state that this store does not have".to_owned()));
        }
        let nothing = || SearchResult { matches: Vec::new(), total: Some(0), next: None, as_of };
        if self.conditions.iter().any(|condition| matches!(condition, Condition::Never)) && as_of == newest {
            return Ok(nothing());
        }
        let driver = self.driver(session)?;
        let order = Order::of(self.query, if driver.is_some() { "d.res_key" } else { "r.res_key" })?;
        let is_first = page.after.is_none();
        let count = if self.query.summary == Summary::Count { 0 } else { page.count as usize };
        let mut matches = self.current(session, &order, driver, (&page, as_of, count))?;
        if as_of < newest {
            self.superseded(session, &order, (&page, as_of, count), &mut matches)?;
        }
        let has_more = matches.len() > count;
        matches.truncate(count);
        let next = matches.last().filter(|_| has_more).map(|last| last.cursor.clone());
        let total = match (is_first && page.as_of.is_none(), has_more) {
            (true, false) => Some(matches.len() as u64),
            (true, true) => self.total(session, driver)?,
            (false, _) => None,
        };
        let mut versions: Vec<StoredVersion> = matches.into_iter().map(|found| found.version).collect();
        complete(session, &mut versions, now)?;
        let matches = versions.into_iter().map(StoredVersion::into_version).collect();
        Ok(SearchResult { matches, total, next, as_of })
    }

    /// The condition that narrows most among those that one range of an index answers.
    fn driver(&self, session: &mut dyn Session) -> Result<Option<&Point>, StoreError> {
        let points = self.conditions.iter().filter_map(|condition| match condition {
            Condition::Point(point) => Some(point),
            _ => None,
        });
        let points: Vec<&Point> = points.collect();
        if let [] | [_] = points.as_slice() {
            return Ok(points.first().copied());
        }
        let mut best: Option<(i64, &Point)> = None;
        for point in points {
            let mut sql = Builder::new(session.dialect());
            sql.push(&format!("SELECT count(*) FROM (SELECT 1 FROM {} d WHERE ", point.table()));
            point.push(&mut sql, "d");
            sql.push(" LIMIT ").bind(best.map_or(ESTIMATE_MAX, |(fewest, _)| fewest)).push(") counted");
            let rows = session.query(&sql.build())?;
            let rows = rows.first().map_or(Ok(0), |row| row.i64(0))?;
            if best.is_none_or(|(fewest, _)| rows < fewest) {
                best = Some((rows, point));
            }
        }
        Ok(best.map(|(_, point)| point))
    }

    /// Adds FROM and WHERE.
    fn push_matching(
        &self,
        sql: &mut Builder,
        order: Option<&Order>,
        driver: Option<&Point>,
    ) -> Result<(), StoreError> {
        match driver {
            // SQLite keeps the order of a CROSS JOIN; to PostgreSQL it is an inner join.
            Some(point) => sql.push(&format!(" FROM {} d CROSS JOIN resource r", point.table())),
            None => sql.push(" FROM resource r"),
        };
        if let Some(order) = order {
            order.push_joins(sql)?;
        }
        sql.push(" WHERE ");
        if let Some(point) = driver {
            sql.push("r.res_key = d.res_key AND ");
            point.push(sql, "d");
            sql.push(" AND ");
        }
        sql.push("r.type = ").bind(&self.query.type_name).push(" AND r.deleted = 0");
        for condition in self.conditions {
            match condition {
                Condition::Point(point) if driver.is_some_and(|driver| std::ptr::eq(driver, point)) => {}
                Condition::Point(point) => point.push_exists(sql),
                Condition::Other(other) => other.push(sql),
                Condition::Never => drop(sql.push(" AND 1 = 0")),
            }
        }
        if let (None, Some(person)) = (driver, self.visible.only_person(&self.query.type_name)) {
            sql.push(" AND r.res_key IN (SELECT c.res_key FROM patient p JOIN compartment c ");
            sql.push("ON c.patient_key = p.patient_key WHERE p.person_key = ").bind(person);
            sql.push(" AND c.type = ").bind(&self.query.type_name).push(")");
        }
        self.visible.push(sql, "r", &self.query.type_name);
        Ok(())
    }

    fn current(
        &self,
        session: &mut dyn Session,
        order: &Order,
        driver: Option<&Point>,
        (page, as_of, count): (&Page, CommitSeq, usize),
    ) -> Result<Vec<Match>, StoreError> {
        let mut sql = Builder::new(session.dialect());
        sql.push(concat!("SELECT ", version_columns!("r")));
        order.push_columns(&mut sql);
        self.push_matching(&mut sql, Some(order), driver)?;
        sql.push(" AND r.commit_seq <= ").bind(as_of.0);
        if let Some(after) = &page.after {
            order.push_after(&mut sql, after)?;
        }
        order.push_order(&mut sql);
        sql.push(" LIMIT ").bind(limit_of(count));
        let rows = session.query(&sql.build())?;
        let read = |mut row: crate::sql::SqlRow| {
            let cursor = order.cursor_of_row(&mut row, VERSION_COLUMNS);
            StoredVersion::from_row(row).map(|version| Match { cursor, version })
        };
        rows.into_iter().map(read).collect()
    }

    /// Joins in the versions that were current then and are not now.
    fn superseded(
        &self,
        session: &mut dyn Session,
        order: &Order,
        (page, as_of, count): (&Page, CommitSeq, usize),
        matches: &mut Vec<Match>,
    ) -> Result<(), StoreError> {
        let after_key = match (&page.after, order.is_by_key()) {
            (Some(after), true) => order.key_of(after),
            _ => 0,
        };
        let superseded = self.superseded_keys(session, as_of, after_key)?;
        for chunk in superseded.chunks(CHUNK) {
            for version in self.superseded_versions(session, chunk)? {
                let Some(cursor) = self.judge(session, order, &version)? else { continue };
                if page.after.as_ref().is_none_or(|after| order.compare(&cursor, after) == Ordering::Greater) {
                    matches.push(Match { cursor, version });
                }
            }
            matches.sort_by(|a, b| order.compare(&a.cursor, &b.cursor));
            matches.truncate(count + 1);
            // In the order of keys nothing later can come before what fills the page already.
            let last_key = chunk.last().map_or(0, |(res_key, _)| *res_key);
            let is_full = order.is_by_key() && matches.len() > count;
            if is_full && matches.last().is_some_and(|last| order.key_of(&last.cursor) <= last_key) {
                break;
            }
        }
        Ok(())
    }

    /// Keys and commit numbers of what was current then and is not now, in the order of keys.
    fn superseded_keys(
        &self,
        session: &mut dyn Session,
        as_of: CommitSeq,
        after_key: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let mut sql = Builder::new(session.dialect());
        sql.push("SELECT h.res_key, h.commit_seq FROM history h WHERE h.type = ").bind(&self.query.type_name);
        sql.push(" AND h.superseded_seq > ").bind(as_of.0).push(" AND h.commit_seq <= ").bind(as_of.0);
        sql.push(" AND h.deleted = 0 AND h.res_key > ").bind(after_key);
        self.visible.push(&mut sql, "h", &self.query.type_name);
        sql.push(" ORDER BY h.res_key");
        session.query(&sql.build())?.iter().map(|row| Ok((row.i64(0)?, row.i64(1)?))).collect()
    }

    fn superseded_versions(
        &self,
        session: &mut dyn Session,
        chunk: &[(i64, i64)],
    ) -> Result<Vec<StoredVersion>, StoreError> {
        let numbers: Vec<i64> = chunk.iter().map(|(_, commit_seq)| *commit_seq).collect();
        let mut sql = concat!("SELECT ", version_columns!("h"), " FROM history h WHERE h.commit_seq ").to_owned();
        sql.push_str(&session.dialect().in_list("$1"));
        let statement = Statement::new(sql, vec![keys_text(&numbers).into()]);
        session.query(&statement)?.into_iter().map(StoredVersion::from_row).collect()
    }

    /// Whether a superseded version matched, and where it stands.
    fn judge(
        &self,
        session: &mut dyn Session,
        order: &Order,
        version: &StoredVersion,
    ) -> Result<Option<Cursor>, StoreError> {
        let json = crate::write::parse_stored(&version.body)?;
        let entries = crate::index_row::entries(&json, self.registry);
        let is_match = |filter: &&Filter| match filter.param {
            FilterParam::Param(..) => search::matches(filter, &entries, self.registry),
            FilterParam::Id | FilterParam::LastUpdated => column_matches(filter, version),
        };
        if !filters(self.query)?.iter().all(is_match) {
            return Ok(None);
        }
        order.cursor_of_version(session, version, &entries).map(Some)
    }

    fn total(&self, session: &mut dyn Session, driver: Option<&Point>) -> Result<Option<u64>, StoreError> {
        let is_asked =
            matches!(self.query.total, Total::Accurate | Total::Estimate) || self.query.summary == Summary::Count;
        if self.query.total == Total::None && !is_asked {
            return Ok(None);
        }
        let type_name = &self.query.type_name;
        if self.conditions.is_empty() && self.visible.is_unlimited(type_name) {
            let sql = "SELECT live FROM resource_count WHERE type = $1";
            let rows = session.query(&Statement::new(sql, vec![type_name.into()]))?;
            return rows.first().map_or(Ok(Some(0)), |row| row.i64(0).map(|live| u64::try_from(live).ok()));
        }
        let mut sql = Builder::new(session.dialect());
        sql.push("SELECT count(*) FROM (SELECT 1");
        self.push_matching(&mut sql, None, driver)?;
        if !is_asked {
            sql.push(" LIMIT ").bind(UNASKED_TOTAL_MAX + 1);
        }
        sql.push(") counted");
        let rows = session.query(&sql.build())?;
        let counted = rows.first().map_or(Ok(0), |row| row.i64(0))?;
        Ok(u64::try_from(counted).ok().filter(|_| is_asked || counted <= UNASKED_TOTAL_MAX))
    }
}

fn limit_of(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX - 1) + 1
}

fn column_matches(filter: &Filter, version: &StoredVersion) -> bool {
    let moment = version.facts.last_updated.0;
    filter.values.iter().any(|value| match value {
        FilterValue::Id(id) => *id == version.facts.id,
        FilterValue::Date { prefix, start, end } => prefix.accepts((*start, *end), (moment, moment)),
        _ => false,
    })
}
