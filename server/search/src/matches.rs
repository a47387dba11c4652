//! Answers filters from index entries in memory: granular scopes, conditional interactions, and tests of the SQL.

use crate::index::{ID_URL, IndexEntry, IndexValue, LAST_UPDATED_URL};
use crate::normalise::normalise;
use crate::param::param_id;
use crate::query::{Filter, FilterParam, FilterValue, Modifier};
use crate::registry::Registry;
use crate::unit::{UCUM_SYSTEM, convert_span};

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
            Modifier::EndsWith => normalised.ends_with(&normalise(text)),
            _ => normalised.starts_with(&normalise(text)),
        },
        (FilterValue::Date { prefix, start, end }, IndexValue::Date { start: low, end: high }) => {
            prefix.accepts((*start, *end), (*low, *high))
        }
        (FilterValue::Number { prefix, low: from, high: to }, IndexValue::Number { low, high }) => {
            prefix.accepts((*from, *to), (*low, *high))
        }
        (FilterValue::Quantity { .. }, IndexValue::Quantity { .. }) => is_quantity(value, entry),
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
        (FilterValue::Composite(wanted), IndexValue::Composite(known)) => {
            wanted.len() == known.len()
                && wanted.iter().zip(known).all(|(wanted, known)| accepts(wanted, &Modifier::None, known))
        }
        (
            FilterValue::OfType { system, code, value },
            IndexValue::OfType { system: known_system, code: known_code, value: known },
        ) => {
            let is_type = code == known_code && (system.is_none() || system == known_system);
            is_type && value == known
        }
        (
            FilterValue::Near { latitude, longitude, distance_m },
            IndexValue::Position { latitude: known_latitude, longitude: known_longitude },
        ) => self::distance_m((*latitude, *longitude), (*known_latitude, *known_longitude)) <= *distance_m,
        _ => false,
    }
}

/// A UCUM unit is compared with every commensurable one; other units only as written.
fn is_quantity(value: &FilterValue, entry: &IndexValue) -> bool {
    let (
        FilterValue::Quantity { prefix, low: from, high: to, system, code },
        IndexValue::Quantity { system: known_system, code: known_code, low, high },
    ) = (value, entry)
    else {
        return false;
    };
    if system.is_some() && system != known_system {
        return false;
    }
    let span = match (code, known_code) {
        (None, _) => Some((*from, *to)),
        (Some(code), Some(known)) if code == known => Some((*from, *to)),
        (Some(code), Some(known)) if system.as_deref() == Some(UCUM_SYSTEM) => convert_span((*from, *to), code, known),
        _ => None,
    };
    span.is_some_and(|span| prefix.accepts(span, (*low, *high)))
}

/// Metres on the surface from one degree north to the next.
pub const METRES_PER_DEGREE: f64 = EARTH_RADIUS_M * std::f64::consts::PI / 180.0;
/// The mean radius of the earth.
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// Metres between two places (degrees north and east) on a sphere of the earth's mean radius.
pub fn distance_m((north, east): (f64, f64), (other_north, other_east): (f64, f64)) -> f64 {
    let (north, other_north) = (north.to_radians(), other_north.to_radians());
    let half_turn = (other_east - east).to_radians() / 2.0;
    let half_rise = (other_north - north) / 2.0;
    let haversine = half_rise.sin().powi(2) + north.cos() * other_north.cos() * half_turn.sin().powi(2);
    2.0 * EARTH_RADIUS_M * haversine.sqrt().min(1.0).asin()
}
