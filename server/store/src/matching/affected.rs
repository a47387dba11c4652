//! What may match otherwise now than it did in an earlier state: the index answers for the newest only.

use std::collections::BTreeSet;

use search::{Condition, IndexValue, Registry, Target};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::param_key;
use crate::intern::{self, Name};
use crate::matching::candidate::{Moment, judged_by};
use crate::sql::Session;
use crate::version_row::keys_text;

/// Keys of the resources of a type that were written since.
pub(crate) fn changed(session: &mut dyn Session, type_name: &str, moment: Moment<'_>) -> Result<Vec<i64>, StoreError> {
    let mut sql = Builder::new(session.dialect());
    sql.push("SELECT res_key FROM resource WHERE type = ").bind(type_name);
    sql.push(" AND commit_seq > ").bind(moment.as_of).push(" ORDER BY res_key");
    session.query(&sql.build())?.iter().map(|row| row.i64(0)).collect()
}

/// Keys of the resources of a type on which the conditions may have another answer now.
pub(crate) fn affected(
    session: &mut dyn Session,
    type_name: &str,
    conditions: &[Condition],
    (moment, registry): (Moment<'_>, &Registry),
) -> Result<BTreeSet<i64>, StoreError> {
    let mut found: BTreeSet<i64> = changed(session, type_name, moment)?.into_iter().collect();
    for condition in conditions {
        match condition {
            Condition::Filter(_) | Condition::Text(_) => {}
            Condition::Chain(chain) => {
                for Target { type_name: target_type, conditions } in &chain.targets {
                    let targets = affected(session, target_type, conditions, (moment, registry))?;
                    found.extend(referrers(session, param_key(type_name, chain.param), &targets)?);
                }
            }
            Condition::Has(has) => {
                let sources = affected(session, &has.source.type_name, &has.source.conditions, (moment, registry))?;
                let of_sources = (has.source.type_name.as_str(), has.param);
                found.extend(targets(session, of_sources, &sources, (moment, registry))?);
            }
            Condition::List(id) => found.extend(listed(session, id, (type_name, moment))?),
            Condition::All(parts) | Condition::Any(parts) => {
                found.extend(affected(session, type_name, parts, (moment, registry))?);
            }
            Condition::Not(one) => {
                found.extend(affected(session, type_name, std::slice::from_ref(one), (moment, registry))?);
            }
        }
    }
    Ok(found)
}

/// What refers to those now. What does not any more has changed itself.
fn referrers(session: &mut dyn Session, param: i64, targets: &BTreeSet<i64>) -> Result<Vec<i64>, StoreError> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<i64> = targets.iter().copied().collect();
    let mut sql = Builder::new(session.dialect());
    sql.push("SELECT res_key FROM reference_index WHERE param = ").bind(param).push(" AND target_key ");
    sql.bind_among(&keys_text(&keys));
    session.query(&sql.build())?.iter().map(|row| row.i64(0)).collect()
}

/// What those refer to now, and what they referred to then.
fn targets(
    session: &mut dyn Session,
    (type_name, param): (&str, u32),
    sources: &BTreeSet<i64>,
    (moment, registry): (Moment<'_>, &Registry),
) -> Result<Vec<i64>, StoreError> {
    let keys: Vec<i64> = sources.iter().copied().collect();
    let now = Moment { as_of: moment.newest, ..moment };
    let mut versions = moment.versions(session, type_name, &keys)?;
    versions.extend(now.versions(session, type_name, &keys)?);
    let mut found = Vec::new();
    for version in &versions {
        for entry in judged_by(version, registry, (false, &|id| id == param))?.entries {
            let IndexValue::Reference { type_name: Some(type_name), id: Some(id), url: None } = entry.value else {
                continue;
            };
            found.extend(intern::find(session, &Name::Target(type_name, id))?);
        }
    }
    Ok(found)
}

/// What a List that was written since names now, and what it named then.
fn listed(
    session: &mut dyn Session,
    id: &str,
    (type_name, moment): (&str, Moment<'_>),
) -> Result<Vec<i64>, StoreError> {
    let now = Moment { as_of: moment.newest, ..moment };
    let mut found = Vec::new();
    for moment in [moment, now] {
        let Some(list) = moment.version(session, "List", id)? else { continue };
        for (entry_type, entry_id) in super::judge::list_entries(&list)? {
            if entry_type == type_name {
                found.extend(intern::find(session, &Name::Target(entry_type, entry_id))?);
            }
        }
    }
    Ok(found)
}
