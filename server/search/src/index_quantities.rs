//! The index values of quantities: <https://hl7.org/fhir/R4/search.html#quantity>. They stay as written; a search converts its own value.

use fhir::Node;

use crate::index::IndexValue;
use crate::index_values::{Sink, member_number};
use crate::normalise::cut;
use crate::unit;

const CURRENCIES: &str = "urn:iso:std:iso:4217";

/// Gives the index values of an element that a quantity parameter found.
pub(crate) fn each(type_name: &str, node: Node<'_>, out: Sink<'_>) {
    match type_name {
        "Money" => {
            let Some(value) = member_number(node, &["value"]) else { return };
            let code = node.str("currency").map(|code| cut(&code).to_owned());
            let system = code.is_some().then(|| CURRENCIES.to_owned());
            out(IndexValue::Quantity { system, code, low: value, high: value });
        }
        "Range" => range(node, out),
        "SampledData" => sampled(node, out),
        "Quantity" | "Age" | "Duration" | "Count" | "Distance" | "SimpleQuantity" => {
            let Some(value) = member_number(node, &["value"]) else { return };
            let ends = match node.str("comparator").as_deref() {
                Some("<") => (f64::MIN, value.next_down()),
                Some("<=") => (f64::MIN, value),
                Some(">") => (value.next_up(), f64::MAX),
                Some(">=") => (value, f64::MAX),
                _ => (value, value),
            };
            with_units(node, ends, out);
        }
        _ => {}
    }
}

fn range(node: Node<'_>, out: Sink<'_>) {
    let end = |name| node.get(name).and_then(|end| Some((end, member_number(end, &["value"])?)));
    match (end("low"), end("high")) {
        (Some((unit, low)), Some((other, high))) => {
            if let Some(high) = in_unit(other, high, unit) {
                with_units(unit, (low, high), out);
            }
        }
        (Some((unit, low)), None) => with_units(unit, (low, f64::MAX), out),
        (None, Some((unit, high))) => with_units(unit, (f64::MIN, high), out),
        (None, None) => {}
    }
}

/// A value of one quantity in the unit of another; an end of a range without a unit shares that of the other end.
fn in_unit(from: Node<'_>, value: f64, to: Node<'_>) -> Option<f64> {
    match (from.str("code"), to.str("code")) {
        (Some(from), Some(to)) if from != to => unit::convert(value, &from, &to),
        _ => Some(value),
    }
}

/// From the least sample to the greatest: `(sample × factor) + origin`. <https://hl7.org/fhir/R4/datatypes.html#SampledData>
fn sampled(node: Node<'_>, out: Sink<'_>) {
    let Some(origin) = node.get("origin") else { return };
    let Some(zero) = member_number(origin, &["value"]) else { return };
    let factor = member_number(node, &["factor"]).unwrap_or(1.0);
    // `E`, `U` and `L` stand for samples that could not be measured.
    let data = node.str("data").unwrap_or_default();
    let samples = data.split_ascii_whitespace().filter_map(|sample| sample.parse::<f64>().ok());
    let values = samples.map(|sample| sample * factor + zero).filter(|value| value.is_finite());
    let ends = values.fold(None, |ends: Option<(f64, f64)>, value| {
        Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    if let Some(ends) = ends {
        with_units(origin, ends, out);
    }
}

fn with_units(unit: Node<'_>, (low, high): (f64, f64), out: Sink<'_>) {
    let text = |name| unit.str(name).map(|text| cut(&text).to_owned());
    let (system, code, human) = (text("system"), text("code"), text("unit"));
    let has_human = human.is_some() && human != code;
    if code.is_some() || !has_human {
        out(IndexValue::Quantity { system, code, low, high });
    }
    if has_human {
        out(IndexValue::Quantity { system: None, code: human, low, high });
    }
}
