//! Judges candidates in a state of the store: what their conditions ask of other resources is read in the same state.

use fhir::{Json, Reference};
use search::{Condition, Judged, Registry, State};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::param_key;
use crate::intern::{self, Name};
use crate::matching::affected;
use crate::matching::candidate::{Moment, judged};
use crate::sql::Session;
use crate::version_row::StoredVersion;

/// Judges in one state.
pub(crate) struct Judge<'a> {
    /// The connection.
    pub(crate) session: &'a mut dyn Session,
    /// The state.
    pub(crate) moment: Moment<'a>,
    /// The search parameters.
    pub(crate) registry: &'a Registry,
}

impl Judge<'_> {
    /// What search finds in a version that meets all conditions; nothing when it does not.
    pub(crate) fn accept(
        &mut self,
        version: &StoredVersion,
        conditions: &[&Condition],
    ) -> Result<Option<Judged>, StoreError> {
        let with_text = conditions.iter().any(|condition| reads_text(condition));
        let judged = judged(version, self.registry, with_text)?;
        let registry = self.registry;
        for condition in conditions {
            if !search::holds(condition, &judged, self, registry)? {
                return Ok(None);
            }
        }
        Ok(Some(judged))
    }
}

fn reads_text(condition: &Condition) -> bool {
    match condition {
        Condition::Text(_) => true,
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(reads_text),
        Condition::Not(one) => reads_text(one),
        _ => false,
    }
}

impl State for Judge<'_> {
    type Error = StoreError;

    fn resource(&mut self, type_name: &str, id: &str) -> Result<Option<Judged>, StoreError> {
        if self.moment.visible.check_type(type_name).is_err() {
            return Ok(None);
        }
        let version = self.moment.version(self.session, type_name, id)?;
        // Conditions on text are rare enough that the words of every target may be worked out.
        version.map(|version| judged(&version, self.registry, true)).transpose()
    }

    fn referrers(
        &mut self,
        type_name: &str,
        param: u32,
        (target_type, target_id): (&str, &str),
    ) -> Result<Vec<Judged>, StoreError> {
        self.moment.visible.check_type(type_name)?;
        let name = Name::Target(target_type.to_owned(), target_id.to_owned());
        let Some(target) = intern::find(self.session, &name)? else { return Ok(Vec::new()) };
        let mut sql = Builder::new(self.session.dialect());
        sql.push("SELECT res_key FROM reference_index WHERE param = ").bind(param_key(type_name, param));
        sql.push(" AND target_key = ").bind(target);
        let rows = self.session.query(&sql.build())?;
        let mut keys = rows.iter().map(|row| row.i64(0)).collect::<Result<Vec<i64>, _>>()?;
        if !self.moment.is_now() {
            // What referred then and does not refer now has changed since.
            keys.extend(affected::changed(self.session, type_name, self.moment)?);
            keys.sort_unstable();
            keys.dedup();
        }
        let versions = self.moment.versions(self.session, type_name, &keys)?;
        let mut found = Vec::new();
        for version in &versions {
            let one = judged(version, self.registry, true)?;
            if refers(&one, param, (target_type, target_id)) {
                found.push(one);
            }
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

fn refers(judged: &Judged, param: u32, (wanted_type, wanted_id): (&str, &str)) -> bool {
    judged.entries.iter().filter(|entry| entry.param == param).any(|entry| match &entry.value {
        search::IndexValue::Reference { type_name: Some(type_name), id: Some(id), url: None } => {
            type_name == wanted_type && id == wanted_id
        }
        _ => false,
    })
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
