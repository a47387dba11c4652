//! The binary operators. <http://hl7.org/fhirpath/N1/#operations>

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::ast::Operator;
use crate::equality;
use crate::error::FhirpathError;
use crate::evaluate::{Items, Outcome, single};
use crate::quantity::Quantity;
use crate::temporal::Precision;
use crate::value::Value;

/// The lowest Integer.
pub(crate) const INTEGER_MIN: i64 = i32::MIN as i64;
/// The highest Integer.
pub(crate) const INTEGER_MAX: i64 = i32::MAX as i64;

/// The outcome of a logical operator whose left side decides it.
pub(crate) fn decided(operator: Operator, left: Option<bool>) -> Option<bool> {
    match (operator, left) {
        (Operator::And, Some(false)) => Some(false),
        (Operator::Or, Some(true)) | (Operator::Implies, Some(false)) => Some(true),
        _ => None,
    }
}

/// Applies an operator to its evaluated sides.
pub(crate) fn apply<'a>(operator: Operator, left: Items<'a>, right: Items<'a>) -> Outcome<'a> {
    match operator {
        Operator::Union => Ok(equality::distinct(left.into_iter().chain(right))),
        Operator::Equal => Ok(boolean(equality::equal(&left, &right))),
        Operator::NotEqual => Ok(boolean(equality::equal(&left, &right).map(|is_equal| !is_equal))),
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            compare(operator, left, right)
        }
        Operator::In => member(left, &right, "in"),
        Operator::Contains => member(right, &left, "contains"),
        Operator::Concatenate => {
            let text = |items| Ok(single(items, "&")?.and_then(|value| value.to_text()).unwrap_or_default());
            let mut joined: String = text(left)?;
            joined.push_str(&text(right)?);
            Ok(vec![Value::String(joined.into())])
        }
        _ => arithmetic(operator, left, right),
    }
}

/// `-value`.
pub(crate) fn negate(items: Items<'_>) -> Outcome<'_> {
    let Some(value) = single(items, "-")?.and_then(|value| value.system()) else { return Ok(Vec::new()) };
    Ok(vec![match value {
        Value::Integer(value) => {
            return Ok(value.checked_neg().and_then(integer).map(Value::Integer).into_iter().collect());
        }
        // There is one zero.
        Value::Decimal(value) if value.is_zero() => Value::Decimal(value.abs()),
        Value::Decimal(value) => Value::Decimal(-value),
        Value::Quantity(quantity) => Value::Quantity(Quantity { value: -quantity.value, ..quantity }),
        _ => return Err(FhirpathError::WrongType("-")),
    }])
}

/// A collection of one truth value, or of none.
pub(crate) fn boolean<'a>(value: Option<bool>) -> Items<'a> {
    value.map(Value::Boolean).into_iter().collect()
}

/// A logical operator on three values.
pub(crate) fn logic(operator: Operator, left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match operator {
        Operator::And => match (left, right) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Operator::Or => match (left, right) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Operator::Xor => Some(left? != right?),
        _ => match (left, right) {
            (Some(false), _) | (_, Some(true)) => Some(true),
            (Some(true), right) => right,
            (None, _) => None,
        },
    }
}

fn member<'a>(item: Items<'a>, collection: &[Value<'a>], name: &'static str) -> Outcome<'a> {
    let Some(item) = single(item, name)? else { return Ok(Vec::new()) };
    let is_member = collection.iter().any(|other| equality::items_equal(&item, other) == Some(true));
    Ok(vec![Value::Boolean(is_member)])
}

fn compare<'a>(operator: Operator, left: Items<'a>, right: Items<'a>) -> Outcome<'a> {
    let sides = (single(left, "a comparison")?, single(right, "a comparison")?);
    let (Some(left), Some(right)) = sides else { return Ok(Vec::new()) };
    let (Some(left), Some(right)) = (left.system(), right.system()) else { return Ok(Vec::new()) };
    let order = order(&left, &right)?;
    Ok(boolean(order.map(|order| match operator {
        Operator::Less => order == Ordering::Less,
        Operator::LessOrEqual => order != Ordering::Greater,
        Operator::Greater => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })))
}

/// Orders two values of comparable types; `None` when precision or units leave it open.
pub(crate) fn order(left: &Value<'_>, right: &Value<'_>) -> Result<Option<Ordering>, FhirpathError> {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return Ok(Some(left.cmp(&right)));
    }
    Ok(match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Date(left) | Value::DateTime(left), Value::Date(right) | Value::DateTime(right))
        | (Value::Time(left), Value::Time(right)) => left.compare(right),
        (Value::Quantity(left), Value::Quantity(right)) => left.compare(right),
        (Value::Quantity(left), other) | (other, Value::Quantity(left)) if number(other).is_some() => {
            let plain = Quantity::new(number(other).unwrap_or_default(), "1");
            let order = left.compare(&plain);
            if matches!(right, Value::Quantity(_)) { order.map(Ordering::reverse) } else { order }
        }
        _ => return Err(FhirpathError::WrongType("a comparison")),
    })
}

/// The number of an Integer or Decimal.
pub(crate) fn number(value: &Value<'_>) -> Option<Decimal> {
    match value {
        Value::Integer(value) => Some(Decimal::from(*value)),
        Value::Decimal(value) => Some(*value),
        _ => None,
    }
}

fn arithmetic<'a>(operator: Operator, left: Items<'a>, right: Items<'a>) -> Outcome<'a> {
    let sides = (single(left, "arithmetic")?, single(right, "arithmetic")?);
    let (Some(left), Some(right)) = sides else { return Ok(Vec::new()) };
    let (Some(left), Some(right)) = (left.system(), right.system()) else { return Ok(Vec::new()) };
    let wrong = Err(FhirpathError::WrongType("arithmetic"));
    let result = match (&left, &right) {
        (Value::Integer(left), Value::Integer(right)) => integers(operator, *left, *right),
        (Value::String(left), Value::String(right)) if operator == Operator::Add => {
            Some(Value::String(format!("{left}{right}").into()))
        }
        (Value::Date(_) | Value::DateTime(_) | Value::Time(_), Value::Quantity(amount)) => {
            return shift(operator, &left, amount);
        }
        (Value::Quantity(left), Value::Quantity(right)) => quantities(operator, left, right),
        (Value::Quantity(quantity), other) | (other, Value::Quantity(quantity)) => match number(other) {
            Some(factor) => {
                let plain = Quantity::new(factor, "1");
                let is_swapped = matches!(right, Value::Quantity(_));
                let (left, right) = if is_swapped { (&plain, quantity) } else { (quantity, &plain) };
                quantities(operator, left, right)
            }
            None => return wrong,
        },
        _ => match (number(&left), number(&right)) {
            (Some(left), Some(right)) => decimals(operator, left, right),
            _ => return wrong,
        },
    };
    Ok(result.into_iter().collect())
}

fn integers<'a>(operator: Operator, left: i64, right: i64) -> Option<Value<'a>> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Div => left.checked_div(right),
        Operator::Mod => left.checked_rem(right),
        _ => return decimals(operator, Decimal::from(left), Decimal::from(right)),
    };
    integer(result?).map(Value::Integer)
}

/// A result that is still an Integer: those of the language have 32 bits, and what overflows is empty.
pub(crate) fn integer(value: i64) -> Option<i64> {
    (INTEGER_MIN..=INTEGER_MAX).contains(&value).then_some(value)
}

/// A quotient to the eight digits after the point that the language promises.
pub(crate) fn quotient(left: Decimal, right: Decimal) -> Option<Decimal> {
    left.checked_div(right).map(|quotient| quotient.round_dp(8).normalize())
}

fn decimals<'a>(operator: Operator, left: Decimal, right: Decimal) -> Option<Value<'a>> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => quotient(left, right),
        Operator::Mod => left.checked_rem(right),
        _ => return left.checked_div(right)?.trunc().to_i64().and_then(integer).map(Value::Integer),
    };
    result.map(Value::Decimal)
}

fn quantities<'a>(operator: Operator, left: &Quantity, right: &Quantity) -> Option<Value<'a>> {
    let result = match operator {
        Operator::Add => left.add(right, 1),
        Operator::Subtract => left.add(right, -1),
        Operator::Multiply => left.multiply(right),
        Operator::Divide => left.divide(right),
        _ => None,
    };
    result.map(Value::Quantity)
}

fn shift<'a>(operator: Operator, moment: &Value<'a>, amount: &Quantity) -> Outcome<'a> {
    let sign = match operator {
        Operator::Add => 1,
        Operator::Subtract => -1,
        _ => return Err(FhirpathError::WrongType("arithmetic")),
    };
    let Some((unit, factor)) = amount.step() else { return Err(FhirpathError::WrongType("date arithmetic")) };
    // Fractions count only below a second.
    let (value, unit) = match unit {
        Precision::Second if !amount.value.fract().is_zero() => {
            (amount.value.saturating_mul(Decimal::from(1000)), Precision::Millisecond)
        }
        unit => (amount.value, unit),
    };
    let Some(count) = value.trunc().to_i64().and_then(|count| count.checked_mul(sign * factor)) else {
        return Ok(Vec::new());
    };
    let moved = match moment {
        Value::Date(date) => date.add(count, unit, false).map(Value::Date),
        Value::DateTime(date) => date.add(count, unit, false).map(Value::DateTime),
        Value::Time(time) => time.add(count, unit, true).map(Value::Time),
        _ => None,
    };
    Ok(moved.into_iter().collect())
}
