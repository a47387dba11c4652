//! Answers filters from index entries in memory: granular scopes, conditional interactions, and tests of the SQL.

use crate::index::{ID_URL, IndexEntry, IndexValue, LAST_UPDATED_URL};
use crate::normalise::normalise;
use crate::param::param_id;
use crate::query::{Filter, FilterParam, FilterValue, Modifier};
use crate::registry::Registry;

/// Whether a resource with these entries satisfies the filter. `_id` and `_lastUpdated` are answered from
/// [`crate::identity_entries`]; a filter on a parameter that the registry does not know is not satisfied.
pub fn matches(filter: &Filter, entries: &[IndexEntry], registry: &Registry) -> bool {
    let id = match filter.param {
        FilterParam::Id => param_id(ID_URL),
        FilterParam::LastUpdated => param_id(LAST_UPDATED_URL),
        FilterParam::Param(id, _) => id,
    };
    if registry.by_id(id).is_none() {
        return false;
    }
    let mut of_param = entries.iter().filter(|entry| entry.param == id).map(|entry| &entry.value);
    let is_any = |entry: &IndexValue| filter.values.iter().any(|value| accepts(value, &filter.modifier, entry));
    match filter.modifier {
        Modifier::Missing(is_missing) => of_param.next().is_none() == is_missing,
        Modifier::Not => !of_param.any(is_any),
        _ => of_param.any(is_any),
    }
}

fn accepts(value: &FilterValue, modifier: &Modifier, entry: &IndexValue) -> bool {
    match (value, entry) {
        (FilterValue::Id(wanted), IndexValue::Token { code, .. }) => code.as_ref() == Some(wanted),
        (FilterValue::Token { system, code }, IndexValue::Token { system: known_system, code: known_code }) => {
            let is_system = system.as_ref().is_none_or(|system| system == known_system);
            is_system && code.as_ref().is_none_or(|code| known_code.as_ref() == Some(code))
        }
        (FilterValue::String(text), IndexValue::Text(known)) => known.starts_with(&normalise(text)),
        (FilterValue::String(text), IndexValue::String { normalised, exact }) => match modifier {
            Modifier::Exact => exact == text,
            Modifier::Contains => normalised.contains(&normalise(text)),
            _ => normalised.starts_with(&normalise(text)),
        },
        (FilterValue::Date { prefix, start, end }, IndexValue::Date { start: low, end: high }) => {
            prefix.accepts((*start, *end), (*low, *high))
        }
        (FilterValue::Number { prefix, low: from, high: to }, IndexValue::Number { low, high }) => {
            prefix.accepts((*from, *to), (*low, *high))
        }
        (
            FilterValue::Quantity { prefix, low: from, high: to, system, code },
            IndexValue::Quantity { system: known_system, code: known_code, low, high },
        ) => {
            let is_unit = system.as_ref().is_none_or(|system| known_system.as_ref() == Some(system))
                && code.as_ref().is_none_or(|code| known_code.as_ref() == Some(code));
            is_unit && prefix.accepts((*from, *to), (*low, *high))
        }
        (FilterValue::Reference { type_name, id, url }, IndexValue::Reference { type_name: t, id: i, url: u }) => {
            match url {
                Some(url) => u.as_ref() == Some(url),
                None => {
                    let is_type = type_name.as_ref().is_none_or(|wanted| t.as_ref() == Some(wanted));
                    u.is_none() && is_type && i.as_ref() == Some(id)
                }
            }
        }
        (FilterValue::Uri(wanted), IndexValue::Uri(known)) => match modifier {
            Modifier::Below => known.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            _ => wanted == known,
        },
        _ => false,
    }
}
