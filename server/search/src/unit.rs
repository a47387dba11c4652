//! Quantities in commensurable UCUM units. <https://hl7.org/fhir/R4/search.html#quantity>, <https://ucum.org/ucum>

use octofhir_ucum::{EvalResult, evaluate, get_canonical_units, parse_expression};

/// System of UCUM codes.
pub const UCUM_SYSTEM: &str = "http://unitsofmeasure.org";

/// Longer texts are no unit that anybody writes.
const CODE_LENGTH_MAX_BYTES: usize = 64;

/// Whether quantities in these two UCUM units can be compared. A unit can with itself even if it is none of UCUM. Units on a falling scale
/// (`[pH]` against an amount of substance) cannot: more of one is less of the other.
pub fn is_comparable(left: &str, right: &str) -> bool {
    left == right || convert(1.0, left, right).is_some()
}

/// A value in another UCUM unit; `None` where that means nothing (see [`is_comparable`]). It is computed in decimals of 28 digits and rounded
/// once, so that 5 mg is exactly 0.005 g.
pub fn convert(value: f64, from: &str, to: &str) -> Option<f64> {
    if from == to {
        return Some(value);
    }
    let (one, other) = (read(from)?, read(to)?);
    if !one.is_commensurable(&other) {
        return None;
    }
    let in_other = |value| octofhir_ucum::convert(value, from, to).ok().filter(|value: &f64| value.is_finite());
    let is_scale = one.special.is_some() || other.special.is_some();
    if is_scale && in_other(1.0)? > in_other(2.0)? {
        return None;
    }
    in_other(value)
}

/// A span in another UCUM unit; ends that are open (`f64::MIN`, `f64::MAX`) stay open.
pub fn convert_span((low, high): (f64, f64), from: &str, to: &str) -> Option<(f64, f64)> {
    let end = |end: f64| {
        let is_open = end <= f64::MIN || end >= f64::MAX;
        if is_open { is_comparable(from, to).then_some(end) } else { convert(end, from, to) }
    };
    Some((end(low)?, end(high)?))
}

/// A value in the base units of its UCUM unit, in which commensurable ones have one order; `None` where the unit is none of UCUM, or on a
/// scale that is not linear.
pub fn canonical(value: f64, code: &str) -> Option<f64> {
    if code.len() > CODE_LENGTH_MAX_BYTES {
        return None;
    }
    convert(value, code, &get_canonical_units(code).ok()?.unit)
}

fn read(code: &str) -> Option<EvalResult> {
    if code.is_empty() || code.len() > CODE_LENGTH_MAX_BYTES {
        return None;
    }
    evaluate(&parse_expression(code).ok()?).ok()
}
