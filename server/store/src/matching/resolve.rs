//! Conditions with the names of the database in them: systems, units and targets as keys.

use search::{Condition, Filter, FilterParam, FilterValue, Kind, Modifier, Prefix, Registry, Target, Words};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::param_key;
use crate::intern::{self, Name};
use crate::matching::candidate::Moment;
use crate::matching::range::{Range, ranges};
use crate::predicate::Visibility;
use crate::sql::{Session, Statement};

/// A condition, made ready.
#[derive(Debug, Clone)]
pub(crate) enum Resolved {
    /// Rows of an index table.
    Index(Index),
    /// The resource is one of these, by key, in order.
    Keys(Vec<i64>),
    /// The version was written at such a time.
    Updated(Vec<(Prefix, i64, i64)>),
    /// Some value of the parameter is there.
    Present { param: i64, kind: Kind },
    /// It refers to a resource of one of these types that meets the conditions of the type.
    Chain { param: i64, targets: Vec<Members> },
    /// A resource that meets these refers to it.
    Has { param: i64, source: Members },
    /// Words stand in that column of the full text.
    Words { column: &'static str, words: Words },
    /// All hold.
    All(Vec<Resolved>),
    /// One holds at least; none of an empty list does.
    Any(Vec<Resolved>),
    /// Does not hold.
    Not(Box<Resolved>),
}

/// A look into an index table: a row in any of the ranges will do.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    /// Where the rows are; all of one table.
    pub(crate) ranges: Vec<Range>,
    /// What the ranges were made of, to judge a single row by.
    pub(crate) filter: Filter,
}

/// Resources of a type that meet conditions.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    /// The type.
    pub(crate) type_name: String,
    /// All must hold.
    pub(crate) conditions: Vec<Resolved>,
}

impl Resolved {
    /// Whether it holds for nothing, whatever is stored.
    pub(crate) fn is_never(&self) -> bool {
        match self {
            Resolved::Any(some) => some.iter().all(Resolved::is_never),
            Resolved::All(all) => all.iter().any(Resolved::is_never),
            Resolved::Index(index) => index.ranges.is_empty(),
            Resolved::Keys(keys) => keys.is_empty(),
            Resolved::Chain { targets, .. } => {
                targets.iter().all(|target| target.conditions.iter().any(Resolved::is_never))
            }
            Resolved::Has { source, .. } => source.conditions.iter().any(Resolved::is_never),
            _ => false,
        }
    }
}

/// Makes conditions ready.
pub(crate) struct Resolver<'a> {
    /// What the caller may see: other types are not looked through.
    pub(crate) visible: &'a Visibility<'a>,
    /// The search parameters.
    pub(crate) registry: &'a Registry,
}

impl Resolver<'_> {
    /// The conditions of a search of a type.
    pub(crate) fn all(
        &self,
        session: &mut dyn Session,
        type_name: &str,
        conditions: &[Condition],
    ) -> Result<Vec<Resolved>, StoreError> {
        conditions.iter().map(|condition| self.one(session, type_name, condition)).collect()
    }

    fn one(&self, session: &mut dyn Session, type_name: &str, condition: &Condition) -> Result<Resolved, StoreError> {
        Ok(match condition {
            Condition::Filter(filter) => self.filtered(session, type_name, filter)?,
            Condition::Chain(chain) => {
                let mut targets = Vec::new();
                let mut denied = None;
                for target in &chain.targets {
                    match self.visible.check_type(&target.type_name) {
                        Ok(()) => targets.push(self.members(session, target)?),
                        Err(error) => denied = Some(error),
                    }
                }
                // What may be seen of none of the types is refused; of some, the others are as if they were not there.
                if let (true, Some(error)) = (targets.is_empty(), denied) {
                    return Err(error);
                }
                Resolved::Chain { param: param_key(type_name, chain.param), targets }
            }
            Condition::Has(has) => {
                self.visible.check_type(&has.source.type_name)?;
                let param = param_key(&has.source.type_name, has.param);
                Resolved::Has { param, source: self.members(session, &has.source)? }
            }
            Condition::List(id) => {
                self.visible.check_type("List")?;
                Resolved::Keys(listed(session, self.visible, id, type_name)?)
            }
            Condition::Text(text) => Resolved::Words {
                column: if text.is_narrative { "narrative" } else { "content" },
                words: text.words.clone(),
            },
            Condition::All(all) => Resolved::All(self.all(session, type_name, all)?),
            Condition::Any(some) => Resolved::Any(self.all(session, type_name, some)?),
            Condition::Not(one) => Resolved::Not(Box::new(self.one(session, type_name, one)?)),
        })
    }

    fn members(&self, session: &mut dyn Session, target: &Target) -> Result<Members, StoreError> {
        let conditions = self.all(session, &target.type_name, &target.conditions)?;
        Ok(Members { type_name: target.type_name.clone(), conditions })
    }

    fn filtered(&self, session: &mut dyn Session, type_name: &str, filter: &Filter) -> Result<Resolved, StoreError> {
        let (id, kind) = match filter.param {
            FilterParam::Id => return ids(session, type_name, filter),
            FilterParam::LastUpdated => return Ok(Resolved::Updated(moments(filter))),
            FilterParam::Param(id, kind) => (id, kind),
        };
        let own = [id];
        let parts = self.registry.parts_of(type_name, id).unwrap_or(&own);
        let params: Vec<i64> = parts.iter().map(|part| param_key(type_name, *part)).collect();
        match filter.modifier {
            Modifier::Missing(is_missing) => {
                let present = any(params.into_iter().map(|param| Resolved::Present { param, kind }).collect());
                return Ok(if is_missing { Resolved::Not(Box::new(present)) } else { present });
            }
            Modifier::Not => {
                let plain = Filter { modifier: Modifier::None, ..filter.clone() };
                return Ok(Resolved::Not(Box::new(self.filtered(session, type_name, &plain)?)));
            }
            _ => {}
        }
        let mut by_table: Vec<Index> = Vec::new();
        for param in params {
            if let Some(keys) = near(session, param, filter)? {
                return Ok(Resolved::Keys(keys));
            }
            for range in ranges(session, param, filter)? {
                let same = |index: &Index| index.ranges.first().is_some_and(|first| first.table == range.table);
                match by_table.iter().position(same).and_then(|place| by_table.get_mut(place)) {
                    Some(index) => index.ranges.push(range),
                    None => by_table.push(Index { ranges: vec![range], filter: filter.clone() }),
                }
            }
        }
        Ok(any(by_table.into_iter().map(Resolved::Index).collect()))
    }
}

/// One of the parts, or the only one.
fn any(mut parts: Vec<Resolved>) -> Resolved {
    if parts.len() == 1 { parts.remove(0) } else { Resolved::Any(parts) }
}

fn ids(session: &mut dyn Session, type_name: &str, filter: &Filter) -> Result<Resolved, StoreError> {
    let mut keys = Vec::new();
    for value in &filter.values {
        let FilterValue::Id(id) = value else { continue };
        keys.extend(intern::find(session, &Name::Target(type_name.to_owned(), id.clone()))?);
    }
    keys.sort_unstable();
    keys.dedup();
    let found = Resolved::Keys(keys);
    Ok(if filter.modifier == Modifier::Not { Resolved::Not(Box::new(found)) } else { found })
}

fn moments(filter: &Filter) -> Vec<(Prefix, i64, i64)> {
    let spans = filter.values.iter().filter_map(|value| match value {
        FilterValue::Date { prefix, start, end } => Some((*prefix, *start, *end)),
        _ => None,
    });
    spans.collect()
}

/// The places within the distance. The index holds them by degrees north; how far they are is worked out here.
fn near(session: &mut dyn Session, param: i64, filter: &Filter) -> Result<Option<Vec<i64>>, StoreError> {
    if !filter.values.iter().any(|value| matches!(value, FilterValue::Near { .. })) {
        return Ok(None);
    }
    let mut keys = Vec::new();
    for value in &filter.values {
        let FilterValue::Near { latitude, longitude, distance_m } = value else { continue };
        let degrees = distance_m / search::METRES_PER_DEGREE;
        let mut sql = Builder::new(session.dialect());
        sql.push("SELECT low, high, res_key FROM composite_index WHERE param = ").bind(param);
        sql.push(" AND code = '' AND system_key = 0 AND text = '' AND key = 0 AND low >= ").bind(latitude - degrees);
        sql.push(" AND low <= ").bind(latitude + degrees);
        for row in session.query(&sql.build())? {
            if search::distance_m((*latitude, *longitude), (row.f64(0)?, row.f64(1)?)) <= *distance_m {
                keys.push(row.i64(2)?);
            }
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(Some(keys))
}

/// Keys of the resources of a type that the current entries of a List name.
fn listed(
    session: &mut dyn Session,
    visible: &Visibility<'_>,
    id: &str,
    type_name: &str,
) -> Result<Vec<i64>, StoreError> {
    let Some(list) = (Moment { visible, as_of: i64::MAX, newest: i64::MAX }).version(session, "List", id)? else {
        return Ok(Vec::new());
    };
    let mut keys = Vec::new();
    for (entry_type, entry_id) in crate::matching::judge::list_entries(&list)? {
        if entry_type == type_name {
            keys.extend(intern::find(session, &Name::Target(entry_type, entry_id))?);
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// The ends of a span of numbers.
type Ends = (f64, f64);

/// The units that a quantity in this one can be compared with, each with the ends in it: itself, and those of UCUM that measure the
/// same. The units that a store holds are few.
pub(crate) fn units(
    session: &mut dyn Session,
    (system, code): (&str, &str),
    (low, high): (f64, f64),
) -> Result<Vec<(i64, Ends)>, StoreError> {
    if system != search::unit::UCUM_SYSTEM {
        let key = intern::find(session, &Name::Unit(system.to_owned(), code.to_owned()))?;
        return Ok(key.map(|key| (key, (low, high))).into_iter().collect());
    }
    let sql = "SELECT unit_key, code FROM unit WHERE system = $1";
    let mut found = Vec::new();
    for row in session.query(&Statement::new(sql, vec![system.into()]))? {
        let other = row.text(1)?;
        if other == code {
            found.push((row.i64(0)?, (low, high)));
        } else if let Some(ends) = search::unit::convert_span((low, high), code, other) {
            found.push((row.i64(0)?, ends));
        }
    }
    Ok(found)
}
