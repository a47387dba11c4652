//! What is walked to find the matches, and in which order they are given.

use search::{Direction, Filter, Kind, Query, Registry, SortKey};

use crate::error::StoreError;
use crate::matching::boolean::Writer;
use crate::matching::estimate::{LARGE, estimate};
use crate::matching::order::{Cursor, Order, asked};
use crate::matching::range::Range;
use crate::matching::resolve::{Index, Resolved};
use crate::sql::{Session, Statement};

/// Points of an index that are walked side by side; more are sorted by the database.
const POINTS_MAX: usize = 16;

/// What judging a candidate from its body takes, in looks at an index: some 30 microseconds against three.
const JUDGE: i64 = 10;
/// Matches up to which nothing is sooner than to gather and sort them.
const GATHER_BEST: i64 = 100;
/// Rows that may all have to be walked when the matches do not lie evenly: some tenths of a second.
const WALK_MAX: i64 = 100_000;
/// The size of a page when the query leaves it to the server.
const PAGE: u32 = 50;

/// What gives the candidates.
#[derive(Debug, Clone)]
pub(crate) enum Driver {
    /// The rows at the points of the condition at that place, in the order of keys.
    Points(usize),
    /// All that meets the condition at that place, in the order of keys.
    Whole(usize),
    /// The rows of these ranges, in the order of the index.
    Ranges {
        /// The ranges; each is walked on its own.
        ranges: Vec<Range>,
        /// Which end comes first.
        direction: Direction,
    },
    /// What is in the compartment of that person, in the order of keys.
    Person(i64),
    /// The type in the order of commits.
    Commits(Direction),
    /// The type in the order of ids.
    Ids(Direction),
}

/// How a search is answered.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What is walked.
    pub(crate) driver: Driver,
    /// How matches are ordered.
    pub(crate) order: Order,
    /// Whether all candidates are gathered and then sorted, since they are not walked in the order.
    pub(crate) gathers: bool,
    /// Conditions that the statement answers for each candidate.
    pub(crate) seeks: Vec<usize>,
    /// Conditions that are judged from the body.
    pub(crate) judged: Vec<usize>,
    /// The condition's parameter has one value at most: the rows of a range are each of another resource.
    pub(crate) is_single: bool,
    /// A walk of the index of a sort parameter: what has no value of it comes after, by parameter and kind.
    pub(crate) then_missing: Option<(i64, Kind)>,
    /// Matches stand where what has no value of the sort parameters stands, whatever they have.
    pub(crate) is_blank: bool,
}

impl Plan {
    /// Makes matches stand where what has no value of the sort parameters stands.
    pub(crate) fn blank(&mut self) {
        self.is_blank = true;
        self.gathers = true;
        if matches!(self.driver, Driver::Ranges { .. }) {
            self.driver = Driver::Commits(Direction::Ascending);
            self.then_missing = None;
        }
    }
}

/// What a plan is made of.
pub(crate) struct Planner<'a> {
    /// The query.
    pub(crate) query: &'a Query,
    /// Its conditions, made ready.
    pub(crate) resolved: &'a [Resolved],
    /// The search parameters.
    pub(crate) registry: &'a Registry,
    /// Writes conditions.
    pub(crate) writer: &'a Writer<'a>,
}

impl Planner<'_> {
    /// Chooses. A later page keeps to the order of the first, whatever the counts are by then.
    pub(crate) fn plan(&self, session: &mut dyn Session, after: Option<&Cursor>) -> Result<Plan, StoreError> {
        let rows_place = after.and_then(Order::row_place);
        if let Some(place) = rows_place {
            let plan = self.by_rows(place);
            return plan.ok_or_else(|| StoreError::Invalid("the page does not belong to this search".to_owned()));
        }
        let mut best: Option<(usize, i64)> = None;
        for (place, resolved) in self.resolved.iter().enumerate() {
            let count = estimate(session, self.writer, resolved)?;
            if count < best.map_or(LARGE, |(_, least)| least) {
                best = Some((place, count));
            }
        }
        let narrow = best.map(|(place, _)| self.at(place));
        if let Some(order) = asked(self.query)? {
            let has_many = best.is_some_and(|(_, count)| count >= GATHER_BEST);
            let narrow = if has_many && self.walks_sooner(session, best)? { None } else { narrow };
            return Ok(self.sorted(narrow, order));
        }
        if let (Some(plan), None) = (self.narrower_rows(session, best)?, after) {
            return Ok(plan);
        }
        let wants_commits = after.is_some_and(|after| Order::Commit.owns(after));
        if let (Some(driver), false) = (narrow, wants_commits) {
            return Ok(self.finish(driver, Order::Key));
        }
        let person = self.writer.visible.only_person(&self.query.type_name);
        if let (Some(person), false) = (person, wants_commits) {
            return Ok(self.finish(Driver::Person(person), Order::Key));
        }
        let is_later = after.is_some();
        if let (Some(plan), false) = (self.first_range(), is_later) {
            return Ok(plan);
        }
        let walkable = (0..self.resolved.len()).find(|place| self.is_points(*place));
        let any_index = (0..self.resolved.len()).find(|place| self.reads_index(*place));
        // A page that went by key goes on so, even where the counts would choose otherwise by now.
        let by_key = after.is_some_and(|after| Order::Key.owns(after)).then_some(0);
        match walkable.or(any_index).or(by_key) {
            Some(place) if !wants_commits => Ok(self.finish(self.at(place), Order::Key)),
            _ => Ok(self.finish(Driver::Commits(Direction::Ascending), Order::Commit)),
        }
    }

    /// Whether the index of the sort parameter gives a page sooner than all candidates of the only condition are judged and sorted: of
    /// its rows, each looked up under the condition, as many are walked as hold a page if the matches lie evenly in it.
    fn walks_sooner(&self, session: &mut dyn Session, best: Option<(usize, i64)>) -> Result<bool, StoreError> {
        let ([only], Some((_, count))) = (self.resolved, best) else { return Ok(false) };
        let is_indexed =
            matches!(self.query.sort.as_slice(), [(SortKey::Param(_, Kind::Date | Kind::String | Kind::Number), _)]);
        if !is_indexed || !self.writer.can_seek(only) {
            return Ok(false);
        }
        let page = i64::from(self.query.count.unwrap_or(PAGE));
        // A page that is not full has to look behind the index too.
        let is_full = count > page;
        let live = live(session, &self.query.type_name)?;
        Ok(is_full && live <= WALK_MAX && live * page / count < JUDGE * count)
    }

    /// The rows of conditions on one date or string together, when they are fewer than what any of the conditions finds alone.
    fn narrower_rows(&self, session: &mut dyn Session, best: Option<(usize, i64)>) -> Result<Option<Plan>, StoreError> {
        let Some(plan) = self.first_range() else { return Ok(None) };
        let (Driver::Ranges { ranges, .. }, Order::Row(_, filters)) = (&plan.driver, &plan.order) else {
            return Ok(None);
        };
        let [filter, _, ..] = filters.as_slice() else { return Ok(None) };
        let together = Index { ranges: ranges.clone(), filter: filter.clone() };
        let count = estimate(session, self.writer, &Resolved::Index(together))?;
        let alone = best.map_or(LARGE, |(place, count)| cost(&self.finish(self.at(place), Order::Key), count));
        Ok((count < LARGE && cost(&plan, count) < alone).then_some(plan))
    }

    /// In the order of commits, which all types share.
    pub(crate) fn by_commit(&self) -> Plan {
        self.finish(Driver::Commits(Direction::Ascending), Order::Commit)
    }

    fn at(&self, place: usize) -> Driver {
        if self.is_points(place) { Driver::Points(place) } else { Driver::Whole(place) }
    }

    fn index(&self, place: usize) -> Option<&Index> {
        match self.resolved.get(place) {
            Some(Resolved::Index(index)) => Some(index),
            _ => None,
        }
    }

    fn is_points(&self, place: usize) -> bool {
        self.index(place)
            .is_some_and(|index| index.ranges.len() <= POINTS_MAX && index.ranges.iter().all(Range::is_point))
    }

    /// Conditions that are better read as a whole than judged for every resource of the type.
    fn reads_index(&self, place: usize) -> bool {
        matches!(self.resolved.get(place), Some(Resolved::Index(_) | Resolved::Words { .. } | Resolved::Keys(_)))
            || self.resolved.get(place).is_some_and(|one| {
                matches!(one, Resolved::Chain { .. } | Resolved::Has { .. } | Resolved::Any(_))
                    && !self.writer.can_seek(one)
            })
    }

    fn first_range(&self) -> Option<Plan> {
        let of_tables = |tables: &[&str]| {
            (0..self.resolved.len()).find(|place| {
                let is_walked = |range: &Range| tables.contains(&range.table) && range.ordered_by().is_some();
                self.index(*place).is_some_and(|index| index.ranges.iter().all(is_walked))
            })
        };
        let numbers = || of_tables(&["number_index", "quantity_index", "composite_index"]);
        self.by_rows(of_tables(&["date_index"]).or_else(|| of_tables(&["string_index"])).or_else(numbers)?)
    }

    /// Walks the rows of the condition at that place. Where a parameter has one value at most, other conditions on it narrow the same rows.
    fn by_rows(&self, place: usize) -> Option<Plan> {
        let index = self.index(place)?;
        let mut filters: Vec<Filter> = vec![index.filter.clone()];
        let mut ranges = index.ranges.clone();
        let (type_name, id) = (self.query.type_name.as_str(), index.filter.param_id().unwrap_or_default());
        let is_single = self.registry.finds_once(type_name, id);
        if is_single && index.filter.values.len() == 1 {
            for (other_place, _) in self.resolved.iter().enumerate().filter(|(other, _)| *other != place) {
                let Some(other) = self.index(other_place) else { continue };
                if other.filter.param_id() != index.filter.param_id() || other.filter.values.len() != 1 {
                    continue;
                }
                ranges = ranges.iter().flat_map(|one| other.ranges.iter().filter_map(|more| one.and(more))).collect();
                filters.push(other.filter.clone());
            }
        }
        // The units that are in use may have become too many to be walked one by one.
        let is_walked = ranges.iter().all(|range| range.ordered_by().is_some());
        let driver = match is_walked {
            true => Driver::Ranges { ranges, direction: Direction::Ascending },
            false => Driver::Whole(place),
        };
        let mut plan = self.finish(driver, Order::Row(place, filters.clone()));
        plan.gathers = !is_walked;
        plan.is_single = is_single && index.filter.values.len() == 1;
        let is_answered =
            |other: &usize| *other == place || self.index(*other).is_some_and(|index| filters.contains(&index.filter));
        plan.judged.retain(|other| !is_answered(other));
        plan.seeks.retain(|other| !is_answered(other));
        Some(plan)
    }

    /// A narrow driver is gathered and sorted; else an index that has the order is walked.
    fn sorted(&self, narrow: Option<Driver>, order: Order) -> Plan {
        let walked = match (&narrow, self.query.sort.as_slice()) {
            (None, [(SortKey::LastUpdated, direction)]) => Some((Driver::Commits(*direction), None)),
            (None, [(SortKey::Id, direction)]) => Some((Driver::Ids(*direction), None)),
            (None, [(SortKey::Param(id, kind @ (Kind::Date | Kind::String | Kind::Number)), direction)]) => {
                let param = crate::index_row::param_key(&self.query.type_name, *id);
                let driver = Driver::Ranges { ranges: ranges_of(param, *kind), direction: *direction };
                Some((driver, Some((param, *kind))))
            }
            _ => None,
        };
        if let Some((driver, then_missing)) = walked {
            let mut plan = self.finish(driver, order);
            plan.then_missing = then_missing;
            return plan;
        }
        let person = self.writer.visible.only_person(&self.query.type_name).map(Driver::Person);
        let points = (0..self.resolved.len()).find(|place| self.is_points(*place)).map(Driver::Points);
        let any_index = (0..self.resolved.len()).find(|place| self.reads_index(*place)).map(Driver::Whole);
        let driver = narrow.or(person).or(points).or(any_index);
        let mut plan = self.finish(driver.unwrap_or(Driver::Commits(Direction::Ascending)), order);
        plan.gathers = true;
        plan
    }

    fn finish(&self, driver: Driver, order: Order) -> Plan {
        let driven = match &driver {
            Driver::Points(place) | Driver::Whole(place) => Some(*place),
            _ => None,
        };
        let others = (0..self.resolved.len()).filter(|place| Some(*place) != driven);
        let can_tell = |place: &usize| self.resolved.get(*place).is_some_and(|one| self.writer.can_tell(one));
        let (seeks, judged) = others.partition(can_tell);
        Plan { driver, order, gathers: false, seeks, judged, is_single: false, then_missing: None, is_blank: false }
    }
}

/// What it takes to look at all candidates, in looks at an index.
fn cost(plan: &Plan, candidates: i64) -> i64 {
    if plan.judged.is_empty() { candidates } else { JUDGE * candidates }
}

/// How many resources of a type there are.
fn live(session: &mut dyn Session, type_name: &str) -> Result<i64, StoreError> {
    let sql = "SELECT live FROM resource_count WHERE type = $1";
    session.query(&Statement::new(sql, vec![type_name.into()]))?.first().map_or(Ok(0), |row| row.i64(0))
}

/// The whole of a parameter in the index of its kind, as ranges that are ordered each.
fn ranges_of(param: i64, kind: Kind) -> Vec<Range> {
    let all = |table| Range { param, ..Range::all(table) };
    match kind {
        Kind::Date => (0..=crate::matching::range::SPANS_MS.len())
            .map(|class| Range { equal: vec![("span", (class as i64).into())], ..all("date_index") })
            .collect(),
        Kind::Number => vec![all("number_index")],
        _ => vec![all("string_index")],
    }
}
