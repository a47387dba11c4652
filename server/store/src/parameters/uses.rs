//! The search parameters that a query looks up in the index.

use search::{Condition, FilterParam, Query, SortKey};

/// Each as type and id.
pub(super) fn uses(query: &Query) -> Vec<(&str, u32)> {
    let mut found = Vec::new();
    query.conditions.iter().for_each(|one| of_condition(one, &query.type_name, &mut found));
    for (key, _) in &query.sort {
        match key {
            SortKey::Param(id, _) => found.push((query.type_name.as_str(), *id)),
            SortKey::Id | SortKey::LastUpdated => {}
        }
    }
    found
}

fn of_condition<'q>(condition: &'q Condition, type_name: &'q str, found: &mut Vec<(&'q str, u32)>) {
    match condition {
        Condition::Filter(filter) => match filter.param {
            FilterParam::Param(id, _) => found.push((type_name, id)),
            FilterParam::Id | FilterParam::LastUpdated => {}
        },
        Condition::Chain(chain) => {
            found.push((type_name, chain.param));
            for target in &chain.targets {
                target.conditions.iter().for_each(|one| of_condition(one, &target.type_name, found));
            }
        }
        Condition::Has(has) => {
            found.push((&has.source.type_name, has.param));
            has.source.conditions.iter().for_each(|one| of_condition(one, &has.source.type_name, found));
        }
        Condition::Text(_) | Condition::List(_) => {}
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|one| of_condition(one, type_name, found));
        }
        Condition::Not(one) => of_condition(one, type_name, found),
    }
}
