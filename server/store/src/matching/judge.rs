//! Judges candidates in a state of the store: what their conditions ask of other resources is read in the same state.

use std::collections::HashMap;
use std::rc::Rc;

use fhir::{Json, Reference};
use search::{Condition, IndexValue, Judged, Registry, State};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::param_key;
use crate::intern;
use crate::matching::affected;
use crate::matching::candidate::{Moment, judged, judged_by};
use crate::matching::order::Order;
use crate::sql::Session;
use crate::version_row::StoredVersion;

/// Resources that a judge remembers; more are looked up again.
const CACHE_MAX: usize = 2_000;

/// Type and id.
type Name = (String, String);
/// Resources by what they refer to.
type ByTarget = HashMap<Name, Vec<Rc<Judged>>>;

/// What was looked up in one state already.
#[derive(Default)]
pub(crate) struct Known {
    resources: HashMap<Name, Option<Rc<Judged>>>,
    /// By type and parameter: what has changed since, by the target to which it referred then.
    changed: HashMap<(String, u32), ByTarget>,
}

/// Judges in one state.
pub(crate) struct Judge<'a> {
    /// The connection.
    pub(crate) session: &'a mut dyn Session,
    /// The state.
    pub(crate) moment: Moment<'a>,
    /// The search parameters.
    pub(crate) registry: &'a Registry,
    /// What was looked up already.
    pub(crate) known: &'a mut Known,
}

impl Judge<'_> {
    /// What search finds in a version that meets all conditions, as far as they and the order read it; nothing when it does not.
    pub(crate) fn accept(
        &mut self,
        version: &StoredVersion,
        conditions: &[&Condition],
        order: &Order,
    ) -> Result<Option<Judged>, StoreError> {
        let with_text = conditions.iter().any(|one| reads_text(one));
        let wanted = |param| order.reads(param) || conditions.iter().any(|one| reads(one, param));
        let judged = judged_by(version, self.registry, (with_text, &wanted))?;
        let registry = self.registry;
        for condition in conditions {
            if !search::holds(condition, &judged, self, registry)? {
                return Ok(None);
            }
        }
        Ok(Some(judged))
    }
}

impl Judge<'_> {
    /// What of a type has changed since, by what it referred to then.
    fn changed(&mut self, type_name: &str, param: u32) -> Result<&ByTarget, StoreError> {
        let name = (type_name.to_owned(), param);
        if !self.known.changed.contains_key(&name) {
            let mut by_target = ByTarget::new();
            let keys = affected::changed(self.session, type_name, self.moment)?;
            for version in &self.moment.versions(self.session, type_name, &keys)? {
                let one = Rc::new(judged(version, self.registry)?);
                for entry in one.entries.iter().filter(|entry| entry.param == param) {
                    if let IndexValue::Reference { type_name: Some(to), id: Some(id), url: None } = &entry.value {
                        by_target.entry((to.clone(), id.clone())).or_default().push(Rc::clone(&one));
                    }
                }
            }
            self.known.changed.insert(name.clone(), by_target);
        }
        Ok(self.known.changed.entry(name).or_default())
    }
}

/// Whether a condition looks at what a parameter finds in the very resource that is judged.
fn reads(condition: &Condition, param: u32) -> bool {
    match condition {
        Condition::Filter(filter) => filter.param_id() == Some(param),
        Condition::Chain(chain) => chain.param == param,
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|one| reads(one, param)),
        Condition::Not(one) => reads(one, param),
        Condition::Has(_) | Condition::List(_) | Condition::Text(_) => false,
    }
}

fn reads_text(condition: &Condition) -> bool {
    match condition {
        Condition::Text(_) => true,
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(reads_text),
        Condition::Not(one) => reads_text(one),
        // Of what is at the other end the words are worked out anyway: few searches go there.
        Condition::Filter(_) | Condition::Chain(_) | Condition::Has(_) | Condition::List(_) => false,
    }
}

impl State for Judge<'_> {
    type Error = StoreError;

    fn resource(&mut self, type_name: &str, id: &str) -> Result<Option<Rc<Judged>>, StoreError> {
        let name = (type_name.to_owned(), id.to_owned());
        if let Some(known) = self.known.resources.get(&name) {
            return Ok(known.clone());
        }
        let version = match self.moment.visible.check_type(type_name) {
            Ok(()) => self.moment.version(self.session, type_name, id)?,
            Err(_) => None,
        };
        let found = version.map(|version| judged(&version, self.registry)).transpose()?.map(Rc::new);
        if self.known.resources.len() < CACHE_MAX {
            self.known.resources.insert(name, found.clone());
        }
        Ok(found)
    }

    fn referrers(
        &mut self,
        type_name: &str,
        param: u32,
        (target_type, target_id): (&str, &str),
    ) -> Result<Vec<Rc<Judged>>, StoreError> {
        self.moment.visible.check_type(type_name)?;
        let name = intern::Name::Target(target_type.to_owned(), target_id.to_owned());
        let Some(target) = intern::find(self.session, &name)? else { return Ok(Vec::new()) };
        let mut sql = Builder::new(self.session.dialect());
        sql.push("SELECT i.res_key FROM reference_index i JOIN resource r ON r.res_key = i.res_key WHERE i.param = ");
        sql.bind(param_key(type_name, param)).push(" AND i.target_key = ").bind(target);
        sql.push(" AND r.commit_seq <= ").bind(self.moment.as_of);
        let rows = self.session.query(&sql.build())?;
        let keys = rows.iter().map(|row| row.i64(0)).collect::<Result<Vec<i64>, _>>()?;
        let mut found = Vec::new();
        for version in &self.moment.versions(self.session, type_name, &keys)? {
            found.push(Rc::new(judged(version, self.registry)?));
        }
        if !self.moment.is_now() {
            let before = self.changed(type_name, param)?;
            found.extend(before.get(&(target_type.to_owned(), target_id.to_owned())).into_iter().flatten().cloned());
        }
        Ok(found)
    }

    fn list(&mut self, id: &str) -> Result<Vec<(String, String)>, StoreError> {
        match self.moment.version(self.session, "List", id)? {
            Some(version) => list_entries(&version),
            None => Ok(Vec::new()),
        }
    }
}

/// Type and id of what the entries of a List refer to, those left out that are marked as deleted.
pub(crate) fn list_entries(list: &StoredVersion) -> Result<Vec<(String, String)>, StoreError> {
    let json: Json = crate::write::parse_stored(&list.body)?;
    let entries = json.root().get("entry").into_iter().flat_map(|entries| entries.items());
    let current = entries.filter(|entry| entry.get("deleted").and_then(|deleted| deleted.as_bool()) != Some(true));
    let texts = current.filter_map(|entry| entry.at(&["item", "reference"])?.as_str());
    let names = texts.filter_map(|text| match Reference::parse(&text) {
        Reference::Relative { type_name, id, .. } => Some((type_name, id)),
        _ => None,
    });
    Ok(names.collect())
}
