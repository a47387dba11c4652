//! History of a resource, of a type and of everything, newest first.

use fhir::Instant;
use policy::{Grant, Version};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::open::Store;
use crate::predicate::{Reach, Visibility};
use crate::search_type::CommitSeq;
use crate::sql::{Session, Statement};
use crate::version_row::{Method, StoredVersion, complete, version_columns};

/// Whose history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryTarget {
    /// One resource: type and id.
    Instance(String, String),
    /// A type.
    Type(String),
    /// Everything.
    System,
}

/// Which page of a history.
#[derive(Debug, Clone, Default)]
pub struct HistoryPage {
    /// `_since`: versions written at or after this moment.
    pub since: Option<Instant>,
    /// `_at`: versions that were current at some moment from the first to the last of these.
    pub at: Option<(Instant, Instant)>,
    /// Most versions of this page.
    pub count: u32,
    /// Versions before this number, from [`HistoryResult::next`].
    pub before_seq: Option<CommitSeq>,
}

/// A page of a history.
#[derive(Debug)]
pub struct HistoryResult {
    /// The versions, newest first, and how each came to be.
    pub versions: Vec<(Version, Method)>,
    /// Where the next page begins, if there is one.
    pub next: Option<CommitSeq>,
    /// How many versions there are, on the first page.
    pub total: Option<u64>,
}

impl Store {
    /// A page of a history.
    pub async fn history(
        &self,
        grant: &Grant,
        target: HistoryTarget,
        page: HistoryPage,
    ) -> Result<HistoryResult, StoreError> {
        let (grant, now) = (grant.clone(), (self.inner.clock)());
        self.read_bounded(move |session| {
            let reach = if matches!(target, HistoryTarget::Instance(..)) { Reach::Read } else { Reach::Search };
            let visible = Visibility::of(session, &grant, reach, now)?;
            if let HistoryTarget::Instance(type_name, _) | HistoryTarget::Type(type_name) = &target {
                visible.check_type(type_name)?;
            }
            History { target: &target, page: &page, visible: &visible }.page(session, now)
        })
        .await
    }
}

struct History<'a> {
    target: &'a HistoryTarget,
    page: &'a HistoryPage,
    visible: &'a Visibility<'a>,
}

impl History<'_> {
    fn page(&self, session: &mut dyn Session, now: Instant) -> Result<HistoryResult, StoreError> {
        let count = self.page.count as usize;
        let mut sql = Builder::new(session.dialect());
        sql.push("SELECT * FROM (");
        for type_name in self.types(session)? {
            sql.push(concat!("SELECT * FROM (SELECT ", version_columns!("r"), " FROM resource r WHERE "));
            self.push_where(&mut sql, "r", "NULL");
            if let Some(type_name) = type_name {
                sql.push(" AND r.type = ").bind(type_name);
            }
            self.push_newest(&mut sql, "r");
            sql.push(") c UNION ALL ");
        }
        sql.push(concat!("SELECT * FROM (SELECT ", version_columns!("h"), " FROM history h WHERE "));
        self.push_where(&mut sql, "h", "h.superseded_seq");
        self.push_newest(&mut sql, "h");
        sql.push(") s) v ORDER BY commit_seq DESC LIMIT ").bind(i64::from(self.page.count) + 1);
        let rows = session.query(&sql.build())?;
        let mut versions = rows.into_iter().map(StoredVersion::from_row).collect::<Result<Vec<_>, _>>()?;
        let has_more = versions.len() > count;
        versions.truncate(count);
        let next = versions.last().filter(|_| has_more).map(|last| CommitSeq(last.commit_seq));
        let total = if self.page.before_seq.is_none() { Some(self.total(session)?) } else { None };
        complete(session, &mut versions, now)?;
        let versions = versions.into_iter().map(|found| (found.method, found)).collect::<Vec<_>>();
        let versions = versions.into_iter().map(|(method, found)| (found.into_version(), method)).collect();
        Ok(HistoryResult { versions, next, total })
    }

    fn push_newest(&self, sql: &mut Builder, alias: &str) {
        sql.push(&format!(" ORDER BY {alias}.commit_seq DESC LIMIT ")).bind(i64::from(self.page.count) + 1);
    }

    /// Current rows are in commit order within a type: for all of them the newest of each type are merged.
    fn types(&self, session: &mut dyn Session) -> Result<Vec<Option<String>>, StoreError> {
        if *self.target != HistoryTarget::System {
            return Ok(vec![None]);
        }
        let rows = session.query(&Statement::new("SELECT type FROM resource_count ORDER BY type", Vec::new()))?;
        rows.iter().map(|row| row.text(0).map(|name| Some(name.to_owned()))).collect()
    }

    fn total(&self, session: &mut dyn Session) -> Result<u64, StoreError> {
        let mut sql = Builder::new(session.dialect());
        sql.push("SELECT (SELECT count(*) FROM resource r WHERE ");
        self.push_where(&mut sql, "r", "NULL");
        sql.push(") + (SELECT count(*) FROM history h WHERE ");
        self.push_where(&mut sql, "h", "h.superseded_seq");
        sql.push(")");
        let rows = session.query(&sql.build())?;
        rows.first().map_or(Ok(0), |row| row.i64(0).map(|count| u64::try_from(count).unwrap_or_default()))
    }

    fn push_where(&self, sql: &mut Builder, alias: &str, superseded: &str) {
        match self.target {
            HistoryTarget::Instance(type_name, id) => {
                sql.push(&format!("{alias}.res_key = (SELECT target_key FROM target WHERE id = ")).bind(id);
                sql.push(" AND type = ").bind(type_name).push(")");
                self.visible.push(sql, alias, type_name);
            }
            HistoryTarget::Type(type_name) => {
                sql.push(&format!("{alias}.type = ")).bind(type_name);
                self.visible.push(sql, alias, type_name);
            }
            HistoryTarget::System => {
                sql.push("1 = 1");
                self.visible.push_any_type(sql, alias);
            }
        }
        if let Some(before) = self.page.before_seq {
            sql.push(&format!(" AND {alias}.commit_seq < ")).bind(before.0);
        }
        if let Some(since) = self.page.since {
            sql.push(&format!(" AND {alias}.last_updated >= ")).bind(since);
        }
        if let Some((first, last)) = self.page.at {
            sql.push(&format!(" AND {alias}.last_updated <= ")).bind(last);
            if superseded != "NULL" {
                // The version that took its place is either in the history too or the current one.
                sql.push(&format!(
                    " AND COALESCE((SELECT n.last_updated FROM history n WHERE n.commit_seq = {superseded}), \
                     (SELECT n.last_updated FROM resource n WHERE n.type = {alias}.type AND n.commit_seq = {superseded})) > "
                ));
                sql.bind(first);
            }
        }
    }
}
