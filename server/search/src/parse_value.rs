//! The values of a parameter: alternatives, escapes, prefixes, and the span that a written precision implies.

use fhir::{FhirDate, FhirId, Reference};
use rust_decimal::Decimal;

use crate::normalise::{cut, normalise};
use crate::param::{Kind, Param};
use crate::parse::{Limits, Refusal, too_costly, wrong};
use crate::query::{FilterParam, FilterValue, Modifier, Prefix};
use crate::reference::Target;
use crate::unit;

const DAY_MS: i64 = 86_400_000;

/// How far `near` reaches when the query does not say: a town and its surroundings.
pub(crate) const NEAR_DEFAULT_M: f64 = 50_000.0;

/// How a value has to be read.
pub(crate) struct Reading<'r> {
    pub(crate) param: &'r Param,
    pub(crate) target: &'r FilterParam,
    pub(crate) modifier: &'r Modifier,
    pub(crate) base_url: Option<&'r str>,
    /// Of a composite.
    pub(crate) components: &'r [&'r Param],
}

/// The alternatives of a value, with their escapes.
pub(crate) fn pieces<'t>(param: &Param, text: &'t str, limits: &Limits) -> Result<Vec<&'t str>, Refusal> {
    let pieces = split(text, ',');
    let most = limits.values_max;
    if pieces.len() > most {
        return Err(too_costly(format!("search parameter `{}` takes at most {most} values", param.code)));
    }
    Ok(pieces)
}

/// Reads one alternative.
pub(crate) fn value(piece: &str, reading: &Reading<'_>) -> Result<FilterValue, Refusal> {
    let read = if piece.is_empty() { None } else { read(piece, reading) };
    read.ok_or_else(|| {
        let (code, expected) = (&reading.param.code, expected(reading));
        wrong("invalid", format!("a value of search parameter `{code}` is not {expected}"))
    })
}

fn expected(reading: &Reading<'_>) -> &'static str {
    match (reading.target, reading.modifier, reading.param.kind) {
        (FilterParam::Id, ..) => "a logical id",
        (_, Modifier::OfType, _) => "`system|code|value` with all three",
        (_, Modifier::Text, _) | (.., Kind::String) => "a text with a letter or digit in it",
        (_, Modifier::Identifier, _) | (.., Kind::Token) => "a code, `system|code`, `system|` or `|code`",
        (.., Kind::Date) => "a date with an optional prefix",
        (.., Kind::Number) => "a number with an optional prefix",
        (.., Kind::Quantity) => "a number with an optional prefix and unit (`5.4|system|code`)",
        (.., Kind::Reference) => "an id, `Type/id` or an absolute reference, each without a version",
        (.., Kind::Composite) => "a value for each component, with `$` between them",
        (.., Kind::Special) => "`latitude|longitude|distance|unit` in degrees and a unit of length",
        (_, Modifier::Below, _) => "a url; URNs have nothing below them",
        _ => "a text",
    }
}

fn read(piece: &str, reading: &Reading<'_>) -> Option<FilterValue> {
    match (reading.target, reading.modifier, reading.param.kind) {
        // An id that cannot be one matches nothing, which is an answer and no fault.
        (FilterParam::Id, ..) => Some(FilterValue::Id(unescape(piece))),
        (_, Modifier::OfType, _) => of_type(piece),
        (_, Modifier::Text, _) | (.., Kind::String) => {
            let text = unescape(piece);
            // A text without a letter or digit folds to nothing, and nothing is the start of everything.
            let is_searchable = *reading.modifier == Modifier::Exact || !normalise(&text).is_empty();
            is_searchable.then(|| FilterValue::String(held(&text)))
        }
        (_, Modifier::Identifier, _) | (.., Kind::Token) => token(piece),
        (.., Kind::Date) => date(&unescape(piece)),
        (.., Kind::Number) => {
            let (prefix, text) = prefix(piece);
            let (low, high) = number_span(prefix, text)?;
            Some(FilterValue::Number { prefix, low, high })
        }
        (.., Kind::Quantity) => quantity(piece),
        (.., Kind::Reference) => reference(&unescape(piece), reading),
        (_, Modifier::Below, Kind::Uri) => {
            let uri = unescape(piece);
            (!uri.starts_with("urn:")).then(|| FilterValue::Uri(held(uri.trim_end_matches('/'))))
        }
        (.., Kind::Uri) => Some(FilterValue::Uri(held(&unescape(piece)))),
        (.., Kind::Composite) => composite(piece, reading),
        (.., Kind::Special) => near(piece),
    }
}

/// What an index entry holds of a text.
pub(crate) fn held(text: &str) -> String {
    cut(text).to_owned()
}

/// A value of each component, in their order.
fn composite(piece: &str, reading: &Reading<'_>) -> Option<FilterValue> {
    let parts = split(piece, '$');
    if parts.len() != reading.components.len() {
        return None;
    }
    let part = |(part, param): (&str, &&Param)| {
        let target = FilterParam::Param(param.id, param.kind);
        let reading = Reading { param, target: &target, modifier: &Modifier::None, components: &[], ..*reading };
        if part.is_empty() { None } else { read(part, &reading) }
    };
    parts.into_iter().zip(reading.components).map(part).collect::<Option<_>>().map(FilterValue::Composite)
}

/// `latitude|longitude|distance|unit`; kilometres where no unit is given, and [`NEAR_DEFAULT_M`] where no distance is.
fn near(piece: &str) -> Option<FilterValue> {
    let parts: Vec<String> = split(piece, '|').into_iter().map(unescape).collect();
    let number = |text: &str| plain_number(text);
    let (latitude, longitude, distance, unit) = match parts.as_slice() {
        [latitude, longitude] => (latitude, longitude, "", ""),
        [latitude, longitude, distance] => (latitude, longitude, distance.as_str(), ""),
        [latitude, longitude, distance, unit] => (latitude, longitude, distance.as_str(), unit.as_str()),
        _ => return None,
    };
    let distance_m = match (distance, unit) {
        ("", "") => NEAR_DEFAULT_M,
        (distance, unit) => {
            let unit = match unit {
                "" => "km",
                // The mile of common speech is the international one.
                "mi" => "[mi_i]",
                unit => unit,
            };
            unit::convert(number(distance)?, unit, "m")?
        }
    };
    let (latitude, longitude) = (number(latitude)?, number(longitude)?);
    let is_place = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && distance_m >= 0.0;
    is_place.then_some(FilterValue::Near { latitude, longitude, distance_m })
}

fn of_type(piece: &str) -> Option<FilterValue> {
    let parts: Vec<String> = split(piece, '|').into_iter().map(|part| held(&unescape(part))).collect();
    match parts.as_slice() {
        [system, code, value] if parts.iter().all(|part| !part.is_empty()) => {
            Some(FilterValue::OfType { system: Some(system.clone()), code: code.clone(), value: value.clone() })
        }
        _ => None,
    }
}

/// `:above` on URIs: each value and what its path lies below.
pub(crate) fn uris_above(param: &Param, text: &str, limits: &Limits) -> Result<Vec<FilterValue>, Refusal> {
    const PATH_PARTS_MAX: usize = 50;
    let mut values = Vec::new();
    for piece in pieces(param, text, limits)? {
        let uri = held(&unescape(piece));
        let (Some(scheme), true) = (uri.find("://"), uri.matches('/').count() <= PATH_PARTS_MAX) else {
            return Err(wrong("invalid", format!("a value of `{}:above` is not a url", param.code)));
        };
        let ends = uri.match_indices('/').map(|(at, _)| at).filter(|at| *at > scheme + 2);
        values.extend(ends.filter_map(|end| uri.get(..end)).map(|above| FilterValue::Uri(above.to_owned())));
        values.push(FilterValue::Uri(uri));
    }
    Ok(values)
}

/// Splits at a sign that is not escaped; escapes stay.
pub(crate) fn split(text: &str, sign: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut is_escaped) = (0, false);
    for (at, c) in text.char_indices() {
        if c == sign && !is_escaped {
            pieces.push(text.get(start..at).unwrap_or_default());
            start = at + c.len_utf8();
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    pieces.push(text.get(start..).unwrap_or_default());
    pieces
}

/// Undoes `\,`, `\|`, `\$` and `\\`; another backslash is itself.
pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let escaped = if c == '\\' { rest.next_if(|next| matches!(next, ',' | '|' | '$' | '\\')) } else { None };
        plain.push(escaped.unwrap_or(c));
    }
    plain
}

pub(crate) fn token(piece: &str) -> Option<FilterValue> {
    let text = |part: &str| (!part.is_empty()).then(|| cut(&unescape(part)).to_owned());
    match split(piece, '|').as_slice() {
        [code] => Some(FilterValue::Token { system: None, code: text(code) }),
        ["", ""] => None,
        [system, code] => Some(FilterValue::Token { system: Some(text(system)), code: text(code) }),
        _ => None,
    }
}

/// Takes the prefix off a value.
fn prefix(text: &str) -> (Prefix, &str) {
    let prefix = match text.get(..2) {
        Some("eq") => Prefix::Eq,
        Some("ne") => Prefix::Ne,
        Some("gt") => Prefix::Gt,
        Some("lt") => Prefix::Lt,
        Some("ge") => Prefix::Ge,
        Some("le") => Prefix::Le,
        Some("sa") => Prefix::Sa,
        Some("eb") => Prefix::Eb,
        Some("ap") => Prefix::Ap,
        _ => return (Prefix::Eq, text),
    };
    (prefix, text.get(2..).unwrap_or_default())
}

fn date(text: &str) -> Option<FilterValue> {
    let (prefix, text) = prefix(text);
    // A plus sign that was not encoded arrives as a blank.
    let (start, end) = FhirDate::parse(&text.replace(' ', "+"))?.range();
    let (mut start, mut end) = (start.0, end.0);
    if prefix == Prefix::Ap {
        // As wide again as the value was precise, at least a day, and without a clock: the same query gives the same
        // answer on every page.
        let margin = (end - start + 1).max(DAY_MS);
        (start, end) = (start.saturating_sub(margin), end.saturating_add(margin));
    }
    Some(FilterValue::Date { prefix, start, end })
}

/// The span of a number: what its digits imply for `eq` and `ne`, a tenth around it for `ap`, else the number itself.
fn number_span(prefix: Prefix, text: &str) -> Option<(f64, f64)> {
    let value = plain_number(text)?;
    match prefix {
        Prefix::Eq | Prefix::Ne => Some(implied_span(text).unwrap_or((value, value))),
        Prefix::Ap => {
            let margin = value.abs() / 10.0;
            Some((value - margin, value + margin))
        }
        _ => Some((value, value)),
    }
}

/// A number as JSON would write it, a plus sign allowed; not `inf` or `NaN`.
fn plain_number(text: &str) -> Option<f64> {
    let is_numeric = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse().ok().filter(|value: &f64| is_numeric && value.is_finite())
}

/// `100` is 99.5 to 100.5, `5.40` is 5.395 to 5.405 and `1e2` is 50 to 150, the upper end left out.
fn implied_span(text: &str) -> Option<(f64, f64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let value: Decimal = mantissa.parse().ok()?;
    let half = Decimal::try_from_i128_with_scale(5, u32::try_from(places).ok()?.checked_add(1)?).ok()?;
    // Through text, so that both ends are the nearest floats to the decimal ends.
    let end = |end: Decimal| format!("{end}e{exponent}").parse::<f64>().ok().filter(|end| end.is_finite());
    let low = end(value.checked_sub(half)?)?;
    let high = end(value.checked_add(half)?)?.next_down();
    Some((low, high))
}

fn quantity(piece: &str) -> Option<FilterValue> {
    let parts = split(piece, '|');
    let text = |part: &str| (!part.is_empty()).then(|| held(&unescape(part)));
    let (number, system, code) = match parts.as_slice() {
        [number] => (number, None, None),
        [number, system, code] => (number, text(system), text(code)),
        _ => return None,
    };
    let (prefix, number) = prefix(number);
    let (low, high) = number_span(prefix, number)?;
    Some(FilterValue::Quantity { prefix, low, high, system, code })
}

fn reference(text: &str, reading: &Reading<'_>) -> Option<FilterValue> {
    let local = |type_name: Option<String>, id: String| FilterValue::Reference { type_name, id, url: None };
    let text = own(text, reading.base_url);
    if let Modifier::Type(wanted) = reading.modifier {
        let id = text.strip_prefix(wanted.as_str()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text);
        return FhirId::parse(id).is_some().then(|| local(Some(wanted.clone()), id.to_owned()));
    }
    if FhirId::parse(text).is_some() {
        return Some(local(only_target(reading.param).map(str::to_owned), text.to_owned()));
    }
    match Reference::parse(text) {
        // The index does not keep the versions that references name.
        Reference::Relative { version: Some(_), .. } | Reference::Absolute { version: Some(_), .. } => return None,
        Reference::Other(_) if !text.contains(':') => return None,
        _ => {}
    }
    let target = Target::parse(text)?;
    let id = target.id.unwrap_or_default();
    Some(FilterValue::Reference { type_name: target.type_name, id, url: target.url })
}

fn own<'t>(text: &'t str, base_url: Option<&str>) -> &'t str {
    let below = base_url.and_then(|base| text.strip_prefix(base.trim_end_matches('/')));
    below.and_then(|rest| rest.strip_prefix('/')).unwrap_or(text)
}

/// The type that a bare id must mean, where only one can be meant.
pub(crate) fn only_target(param: &Param) -> Option<&str> {
    if param.code == "patient" {
        return Some("Patient");
    }
    match param.targets.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}
