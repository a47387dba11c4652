//! Values in commensurable UCUM units. <https://ucum.org/ucum>

use std::cmp::Ordering;

use octofhir_ucum::{EvalResult, Number, evaluate, parse_expression};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

/// Longer texts are no unit that anybody writes.
const CODE_LENGTH_MAX_BYTES: usize = 64;
/// Digits that are kept of a value on a scale such as that of Celsius, which is computed as a float.
const SCALE_DIGITS: u32 = 10;

/// Orders two values in units of one dimension; `None` for units of different dimensions, and for what is none of UCUM.
pub(crate) fn compare(left: Decimal, left_unit: &str, right: Decimal, right_unit: &str) -> Option<Ordering> {
    let (one, other) = pair(left_unit, right_unit)?;
    if one.special.is_some() || other.special.is_some() {
        return Some(on_scale(left, left_unit, right_unit)?.cmp(&right.round_dp(SCALE_DIGITS)));
    }
    let difference = number(left)?.checked_mul(one.factor)?.checked_sub(number(right)?.checked_mul(other.factor)?)?;
    Some(match difference {
        difference if difference.is_zero() => Ordering::Equal,
        difference if difference.is_negative() => Ordering::Less,
        _ => Ordering::Greater,
    })
}

/// A value in another unit.
pub(crate) fn convert(value: Decimal, from: &str, to: &str) -> Option<Decimal> {
    let (one, other) = pair(from, to)?;
    if one.special.is_some() || other.special.is_some() {
        return on_scale(value, from, to);
    }
    let text = number(value)?.checked_mul(one.factor)?.checked_div(other.factor)?.to_string();
    let converted = if text.contains('e') { Decimal::from_scientific(&text).ok() } else { text.parse().ok() };
    converted.map(|value: Decimal| value.normalize())
}

/// Whether values in the two units can be compared.
pub(crate) fn is_comparable(left: &str, right: &str) -> bool {
    pair(left, right).is_some()
}

fn pair(left: &str, right: &str) -> Option<(EvalResult, EvalResult)> {
    let (one, other) = (read(left)?, read(right)?);
    one.is_commensurable(&other).then_some((one, other))
}

fn read(code: &str) -> Option<EvalResult> {
    if code.is_empty() || code.len() > CODE_LENGTH_MAX_BYTES {
        return None;
    }
    evaluate(&parse_expression(code).ok()?).ok()
}

fn number(value: Decimal) -> Option<Number> {
    Number::parse(&value.to_string())
}

/// A scale that falls as the other one rises (`[pH]`) orders nothing.
fn on_scale(value: Decimal, from: &str, to: &str) -> Option<Decimal> {
    let in_other = |value| octofhir_ucum::convert(value, from, to).ok().filter(|value: &f64| value.is_finite());
    if in_other(1.0)? > in_other(2.0)? {
        return None;
    }
    Decimal::from_f64(in_other(value.to_f64()?)?).map(|value| value.round_dp(SCALE_DIGITS).normalize())
}
