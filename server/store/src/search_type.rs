//! Search, in pages that stay what they were when the first was read.
//!
//! A later page as of commit number S holds what met the conditions at S and nothing else: current rows written by S, and what has changed
//! since and is judged as it was then.

use std::sync::Arc;

use fhir::Instant;
use policy::{Grant, Version};
use search::{Condition, FilterParam, FilterValue, Query, Registry, SortKey, Summary};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::matching::affected::affected;
use crate::matching::boolean::Writer;
use crate::matching::candidate::Moment;
use crate::matching::explain::explain;
use crate::matching::judge::{Judge, Known};
use crate::matching::order::Cursor;
use crate::matching::plan::{Plan, Planner};
use crate::matching::resolve::{Resolved, Resolver};
use crate::matching::total;
use crate::matching::walk::{Match, Walk};
use crate::open::Store;
use crate::predicate::{Reach, Visibility};
use crate::sql::{Session, Statement};
use crate::version_row::{StoredVersion, complete};

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

/// Versions that have changed since and are judged at a time: their bodies are in memory.
const CHUNK: usize = 256;

impl Store {
    /// Searches a type.
    pub async fn search(&self, grant: &Grant, query: &Query, page: Page) -> Result<SearchResult, StoreError> {
        self.search_types(grant, std::slice::from_ref(query), page).await
    }

    /// Searches several types, each by its query; all have the same order.
    pub async fn search_types(&self, grant: &Grant, queries: &[Query], page: Page) -> Result<SearchResult, StoreError> {
        let (grant, queries, now) = (grant.clone(), queries.to_vec(), (self.inner.clock)());
        let inner = Arc::clone(&self.inner);
        self.read_bounded(move |session| {
            let (newest, generation) = state(session)?;
            let known = inner.parameters.at(session, generation)?;
            let registry = &known.registry;
            let as_of = page.as_of.unwrap_or(newest);
            if as_of > newest {
                return Err(StoreError::Invalid("the page is of a state that this store does not have".to_owned()));
            }
            let mut sum = SearchResult { matches: Vec::new(), total: None, next: None, as_of };
            let mut found = Vec::new();
            let mut order = None;
            let mut parts = queries.len();
            for query in &queries {
                known.check(query)?;
                let visible = Visibility::of(session, &grant, Reach::Search, now)?;
                visible.check_type(&query.type_name)?;
                let hidden = Hidden { grant: &grant, registry };
                let mut views = vec![(visible, false)];
                if hidden.selects(query)
                    && let Some((visible, _)) = views.first_mut()
                {
                    visible.hide_redacted(session)?;
                } else if hidden.sorts(query)
                    && let Some((without, only)) =
                        views.first().map_or(Ok(None), |(all, _)| all.split_redacted(session))?
                {
                    views = vec![(without, false), (only, true)];
                    parts += 1;
                }
                for (visible, is_blank) in &views {
                    let moment = Moment { visible, as_of: as_of.0, newest: newest.0 };
                    let search = Search { query, registry, moment, is_one_of: queries.len(), is_blank: *is_blank };
                    let (matches, total, plan) = search.page(session, &page)?;
                    found.extend(matches);
                    sum.total = if order.is_none() { total } else { sum.total.zip(total).map(|(a, b)| a + b) };
                    order = Some(plan.order);
                }
            }
            let count = count_of(&page, queries.first());
            if let Some(order) = order.filter(|_| parts > 1) {
                found.sort_by(|a, b| order.compare(&a.cursor, &b.cursor));
            }
            let has_more = found.len() > count;
            found.truncate(count);
            sum.next = found.last().filter(|_| has_more).map(|last| last.cursor.clone());
            if page.as_of.is_none()
                && page.after.is_none()
                && !has_more
                && queries.first().is_some_and(|one| one.summary != Summary::Count)
                && count > 0
            {
                sum.total = Some(found.len() as u64);
            }
            let mut versions: Vec<StoredVersion> = found.into_iter().map(|found| found.version).collect();
            complete(session, &mut versions, now)?;
            sum.matches = versions.into_iter().map(StoredVersion::into_version).collect();
            Ok(sum)
        })
        .await
    }

    /// Says how a search of a type is answered, in lines for a person that hold no values.
    pub async fn explain(&self, grant: &Grant, query: &Query) -> Result<Vec<String>, StoreError> {
        let (grant, query, now) = (grant.clone(), query.clone(), (self.inner.clock)());
        let inner = Arc::clone(&self.inner);
        self.read_bounded(move |session| {
            let visible = Visibility::of(session, &grant, Reach::Search, now)?;
            visible.check_type(&query.type_name)?;
            let (CommitSeq(newest), generation) = state(session)?;
            let known = inner.parameters.at(session, generation)?;
            known.check(&query)?;
            let moment = Moment { visible: &visible, as_of: newest, newest };
            let search = Search { query: &query, registry: &known.registry, moment, is_one_of: 1, is_blank: false };
            let writer = Writer { visible: &visible, dialect: session.dialect() };
            let resolved = search.resolved(session)?;
            let plan = search.plan(session, (&writer, &resolved), None)?;
            explain(session, &writer, (&plan, &resolved))
        })
        .await
    }

    /// The newest state.
    pub async fn commit_seq(&self) -> Result<CommitSeq, StoreError> {
        self.read_inline(|session| state(session).map(|(newest, _)| newest)).await
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
    if (Hidden { grant, registry }).selects(query) {
        visible.hide_redacted(session)?;
    }
    let resolver = Resolver { visible: &visible, registry };
    let resolved = resolver.all(session, &query.type_name, &query.conditions)?;
    if resolved.iter().any(Resolved::is_never) {
        return Ok(Vec::new());
    }
    let writer = Writer { visible: &visible, dialect: session.dialect() };
    let mut sql = Builder::new(session.dialect());
    sql.push("SELECT r.res_key FROM resource r WHERE r.type = ").bind(&query.type_name).push(" AND r.deleted = 0");
    for one in &resolved {
        sql.push(" AND ");
        writer.whole(&mut sql, "r.res_key", one);
    }
    visible.push(&mut sql, "r", &query.type_name);
    sql.push(" LIMIT ").bind(limit);
    session.query(&sql.build())?.iter().map(|row| row.i64(0)).collect()
}

/// The newest state, and the generation of the search parameters in it.
fn state(session: &mut dyn Session) -> Result<(CommitSeq, i64), StoreError> {
    let sql = "SELECT commit_seq, parameter_generation FROM store_state WHERE id = 1";
    let rows = session.query(&Statement::new(sql, Vec::new()))?;
    rows.first().map_or(Ok((CommitSeq(0), 0)), |row| Ok((CommitSeq(row.i64(0)?), row.i64(1)?)))
}

/// What release takes out of the bodies of redacted persons.
pub(crate) struct Hidden<'a> {
    /// The grant.
    pub(crate) grant: &'a Grant,
    /// The search parameters.
    pub(crate) registry: &'a Registry,
}

impl Hidden<'_> {
    /// Whether anything is.
    pub(crate) fn is_any(&self) -> bool {
        !self.grant.predicate().restricted.redacted.is_empty()
    }

    /// Whether a search would tell it by what it finds: then redacted persons are not found at all.
    fn selects(&self, query: &Query) -> bool {
        self.is_any() && query.conditions.iter().any(|one| self.is_told_by(one, &query.type_name))
    }

    /// Whether a search would tell it by the order.
    fn sorts(&self, query: &Query) -> bool {
        self.is_any()
            && query.sort.iter().any(|(key, _)| match key {
                SortKey::Param(id, _) => self.is_read_by(&query.type_name, *id) || self.may_lead_to_location(*id),
                SortKey::Id | SortKey::LastUpdated => false,
            })
    }

    /// Whether a parameter reads what is taken out. What a posted one reads nobody has looked at.
    pub(crate) fn is_read_by(&self, type_name: &str, id: u32) -> bool {
        self.registry
            .by_id(id)
            .is_some_and(|param| param.is_posted || self.grant.predicate().unsearchable(type_name, &param.code))
    }

    /// Whether a reference parameter may lead to a Location: where somebody goes is taken out wherever it stands.
    pub(crate) fn may_lead_to_location(&self, id: u32) -> bool {
        self.registry.by_id(id).is_some_and(|param| {
            param.kind == search::Kind::Reference
                && (param.targets.is_empty() || param.targets.iter().any(|target| target == LOCATION))
        })
    }

    /// Whether a condition on a type tells it, wherever it leads.
    fn is_told_by(&self, condition: &Condition, type_name: &str) -> bool {
        let any = |parts: &[Condition], type_name: &str| parts.iter().any(|part| self.is_told_by(part, type_name));
        match condition {
            Condition::Filter(filter) => match filter.param {
                FilterParam::Param(id, _) => {
                    self.is_read_by(type_name, id)
                        || (self.may_lead_to_location(id) && filter.values.iter().any(may_be_location))
                }
                FilterParam::Id | FilterParam::LastUpdated => false,
            },
            Condition::Chain(chain) => {
                self.is_read_by(type_name, chain.param)
                    || chain
                        .targets
                        .iter()
                        .any(|target| target.type_name == LOCATION || any(&target.conditions, &target.type_name))
            }
            Condition::Has(has) => {
                type_name == LOCATION
                    || self.is_read_by(&has.source.type_name, has.param)
                    || any(&has.source.conditions, &has.source.type_name)
            }
            // The words are those of the whole body.
            Condition::Text(_) => true,
            Condition::List(_) => type_name == LOCATION,
            Condition::All(parts) | Condition::Any(parts) => any(parts, type_name),
            Condition::Not(one) => self.is_told_by(one, type_name),
        }
    }
}

const LOCATION: &str = "Location";

/// Whether a value may mean a Location; an id alone and a URL may.
fn may_be_location(value: &FilterValue) -> bool {
    match value {
        FilterValue::Reference { type_name, .. } => type_name.as_deref().is_none_or(|name| name == LOCATION),
        _ => true,
    }
}

fn count_of(page: &Page, query: Option<&Query>) -> usize {
    if query.is_some_and(|query| query.summary == Summary::Count) { 0 } else { page.count as usize }
}

struct Search<'a> {
    query: &'a Query,
    registry: &'a Registry,
    moment: Moment<'a>,
    /// How many types are searched together: then the order must be one that they share.
    is_one_of: usize,
    /// What is found is redacted: it stands where what has no value of the sort parameters stands, so that its place tells nothing.
    is_blank: bool,
}

impl Search<'_> {
    fn resolved(&self, session: &mut dyn Session) -> Result<Vec<Resolved>, StoreError> {
        let resolver = Resolver { visible: self.moment.visible, registry: self.registry };
        resolver.all(session, &self.query.type_name, &self.query.conditions)
    }

    fn plan(
        &self,
        session: &mut dyn Session,
        (writer, resolved): (&Writer<'_>, &[Resolved]),
        after: Option<&Cursor>,
    ) -> Result<Plan, StoreError> {
        let planner = Planner { query: self.query, resolved, registry: self.registry, writer };
        if self.is_one_of > 1 && self.query.sort.is_empty() {
            return Ok(planner.by_commit());
        }
        let mut plan = planner.plan(session, after)?;
        if self.is_blank {
            plan.blank();
        }
        Ok(plan)
    }

    /// One more match than the page takes, if there are as many.
    fn page(&self, session: &mut dyn Session, page: &Page) -> Result<(Vec<Match>, Option<u64>, Plan), StoreError> {
        let count = count_of(page, Some(self.query));
        let resolved = self.resolved(session)?;
        let writer = Writer { visible: self.moment.visible, dialect: session.dialect() };
        let plan = self.plan(session, (&writer, &resolved), page.after.as_ref())?;
        let is_never = resolved.iter().any(Resolved::is_never);
        let is_first = page.after.is_none() && page.as_of.is_none();
        let total = match (is_first, is_never) {
            (true, true) => Some(0),
            (true, false) => total::total(session, &writer, self.query, &resolved)?,
            (false, _) => None,
        };
        let apart = self.apart(session)?;
        let walk = Walk {
            plan: &plan,
            query: self.query,
            resolved: &resolved,
            writer: &writer,
            registry: self.registry,
            moment: self.moment,
            apart: &apart,
        };
        let mut found = Vec::new();
        if !is_never && count > 0 {
            found = walk.matches(session, page.after.as_ref(), count)?;
        }
        if count > 0 {
            self.add_apart(session, &walk, (page.after.as_ref(), count), &mut found)?;
        }
        Ok((found, total, plan))
    }

    /// What may have matched otherwise at the state that is searched.
    fn apart(&self, session: &mut dyn Session) -> Result<Vec<i64>, StoreError> {
        if self.moment.is_now() {
            return Ok(Vec::new());
        }
        let (type_name, conditions) = (self.query.type_name.as_str(), self.query.conditions.as_slice());
        Ok(affected(session, type_name, conditions, (self.moment, self.registry))?.into_iter().collect())
    }

    /// Joins in what is judged.
    fn add_apart(
        &self,
        session: &mut dyn Session,
        walk: &Walk<'_>,
        (after, count): (Option<&Cursor>, usize),
        found: &mut Vec<Match>,
    ) -> Result<(), StoreError> {
        let conditions: Vec<&Condition> = self.query.conditions.iter().collect();
        let mut known = Known::default();
        for chunk in walk.apart.chunks(CHUNK) {
            for version in self.moment.versions(session, &self.query.type_name, chunk)? {
                let (session, known) = (&mut *session, &mut known);
                let mut judge = Judge { session, moment: self.moment, registry: self.registry, known };
                let Some(judged) = judge.accept(&version, &conditions, &walk.plan.order)? else { continue };
                let judged = Some(&judged).filter(|_| !self.is_blank);
                let cursor = walk.plan.order.cursor(&version, judged, self.registry);
                if after.is_none_or(|after| walk.is_after(&cursor, after)) {
                    found.push(Match { cursor, version });
                }
            }
            walk.sort(found, count);
        }
        Ok(())
    }
}
