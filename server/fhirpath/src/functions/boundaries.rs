//! Boundaries and precision. <https://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time>

use rust_decimal::{Decimal, RoundingStrategy};

use crate::error::FhirpathError;
use crate::evaluate::{Items, Outcome, single};
use crate::functions::{Call, Function, boolean, optional};
use crate::operators;
use crate::quantity::Quantity;
use crate::temporal::{Precision, Temporal, days_in_month};
use crate::value::Value;

/// The precision of a decimal boundary that was not asked for, and the largest that can be.
const DECIMAL_DIGITS: i64 = 8;
const DECIMAL_DIGITS_MAX: i64 = 28;

pub(super) fn call<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let name = call.function.name();
    let Some(item) = single(input, name)? else { return Ok(Vec::new()) };
    let Some(value) = item.system() else { return Ok(Vec::new()) };
    match call.function {
        Function::Comparable => comparable(call, &value),
        Function::Precision => Ok(vec![Value::Integer(precision(&value).ok_or(FhirpathError::WrongType(name))?)]),
        function => {
            let digits = call.integer_argument(0)?;
            let is_high = function == Function::HighBoundary;
            optional(boundary(&value, digits, is_high))
        }
    }
}

fn comparable<'a>(call: &Call<'_, '_, '_, 'a>, value: &Value<'a>) -> Outcome<'a> {
    let other = single(call.argument(0)?, "comparable")?.and_then(|other| other.system());
    match (value, other) {
        (Value::Quantity(left), Some(Value::Quantity(right))) => boolean(left.is_comparable(&right)),
        (_, None) => Ok(Vec::new()),
        _ => Err(FhirpathError::WrongType("comparable")),
    }
}

/// Digits that a temporal value has at each precision.
const TEMPORAL_DIGITS: [i64; 7] = [4, 6, 8, 10, 12, 14, 17];

fn precision(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Integer(_) => Some(0),
        Value::Decimal(value) => Some(i64::from(value.scale())),
        Value::Date(value) | Value::DateTime(value) => TEMPORAL_DIGITS.get(value.precision as usize).copied(),
        Value::Time(value) => TEMPORAL_DIGITS.get(value.precision as usize).map(|digits| digits - 8),
        _ => None,
    }
}

fn boundary<'a>(value: &Value<'a>, digits: Option<i64>, is_high: bool) -> Option<Value<'a>> {
    match value {
        Value::Date(value) => temporal(value, digits.unwrap_or(8), is_high).map(Value::Date),
        Value::DateTime(value) => temporal(value, digits.unwrap_or(17), is_high).map(Value::DateTime),
        Value::Time(value) => temporal(value, digits.unwrap_or(9) + 8, is_high).map(Value::Time),
        Value::Quantity(quantity) => {
            let value = decimal(quantity.value, digits, is_high)?;
            Some(Value::Quantity(Quantity { value, ..quantity.clone() }))
        }
        other => decimal(operators::number(other)?, digits, is_high).map(Value::Decimal),
    }
}

fn decimal(value: Decimal, digits: Option<i64>, is_high: bool) -> Option<Decimal> {
    let digits = digits.unwrap_or(DECIMAL_DIGITS);
    if !(0..=DECIMAL_DIGITS_MAX).contains(&digits) {
        return None;
    }
    let digits = u32::try_from(digits).ok()?;
    // What is nothing at this precision stays nothing on both sides: so the official suite has it (`0.0034.highBoundary(1)`).
    let cut = value.trunc_with_scale(digits);
    if cut.is_zero() && !value.is_zero() && digits > 0 {
        let mut zero = cut;
        zero.rescale(digits);
        return Some(zero);
    }
    let half = Decimal::new(5, value.scale().checked_add(1)?.min(28));
    let (moved, strategy) = if is_high {
        (value.checked_add(half)?, RoundingStrategy::ToPositiveInfinity)
    } else {
        (value.checked_sub(half)?, RoundingStrategy::ToNegativeInfinity)
    };
    let mut bounded = moved.round_dp_with_strategy(digits, strategy);
    bounded.rescale(digits);
    Some(bounded)
}

const ORDER: [Precision; 7] = [
    Precision::Year,
    Precision::Month,
    Precision::Day,
    Precision::Hour,
    Precision::Minute,
    Precision::Second,
    Precision::Millisecond,
];

fn temporal(value: &Temporal, digits: i64, is_high: bool) -> Option<Temporal> {
    let at = TEMPORAL_DIGITS.iter().position(|known| *known == digits)?;
    let wanted = *ORDER.get(at)?;
    let mut result = *value;
    // FHIR knows no hour without its minutes: `T08` stands for `T08:00`.
    let known = if value.precision == Precision::Hour { Precision::Minute } else { value.precision };
    for precision in ORDER {
        if precision <= known {
            continue;
        }
        let part = match (precision, is_high) {
            (Precision::Month | Precision::Day, false) => 1,
            (_, false) => 0,
            (Precision::Month, true) => 12,
            (Precision::Day, true) => days_in_month(result.part(Precision::Year), result.part(Precision::Month)),
            (Precision::Hour, true) => 23,
            (Precision::Millisecond, true) => 999,
            _ => 59,
        };
        if let Some(slot) = result.parts.get_mut(precision as usize) {
            *slot = part;
        }
    }
    result.precision = Precision::Millisecond;
    result.cut(wanted);
    if wanted <= Precision::Day {
        result.offset_minutes = None;
    } else if result.offset_minutes.is_none() && value.precision <= Precision::Millisecond && digits > 9 {
        result.offset_minutes = unknown_offset(value, is_high);
    }
    Some(result)
}

/// A moment without an offset is earliest in the easternmost zone and latest in the westernmost.
fn unknown_offset(value: &Temporal, is_high: bool) -> Option<i64> {
    // Times of day carry the lowest date and have no zone.
    let is_time = value.part(Precision::Year) <= 1;
    (!is_time).then_some(if is_high { -12 * 60 } else { 14 * 60 })
}
