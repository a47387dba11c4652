//! Conversions between types. <http://hl7.org/fhirpath/N1/#conversion>

use rust_decimal::Decimal;

use crate::evaluate::{Items, Outcome, single};
use crate::functions::{Call, Function, boolean, optional};
use crate::operators::integer;
use crate::quantity::Quantity;
use crate::temporal::Temporal;
use crate::value::Value;

pub(super) fn call<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    use Function as F;
    let Some(item) = single(input, call.function.name())? else { return Ok(Vec::new()) };
    let value = item.system();
    let value = value.as_ref();
    let converted = match call.function {
        F::ToBoolean | F::ConvertsToBoolean => value.and_then(to_boolean),
        F::ToInteger | F::ConvertsToInteger => value.and_then(to_integer),
        F::ToDecimal | F::ConvertsToDecimal => value.and_then(to_decimal),
        F::ToString | F::ConvertsToString => value.and_then(Value::to_text).map(|text| Value::String(text.into())),
        F::ToDate | F::ConvertsToDate => value.and_then(to_date),
        F::ToDateTime | F::ConvertsToDateTime => value.and_then(to_date_time),
        F::ToTime | F::ConvertsToTime => value.and_then(to_time),
        _ => {
            let unit = call.text_argument(0)?;
            let quantity = value.and_then(to_quantity);
            let in_unit = |quantity: Quantity| match &unit {
                Some(unit) => quantity.in_unit(unit.trim_matches('\'')),
                None => Some(quantity),
            };
            quantity.and_then(in_unit).map(Value::Quantity)
        }
    };
    if call.function.name().starts_with("converts") { boolean(converted.is_some()) } else { optional(converted) }
}

fn to_boolean<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    let truth = match value {
        Value::Boolean(value) => *value,
        Value::Integer(1) => true,
        Value::Integer(0) => false,
        Value::Decimal(value) if *value == Decimal::ONE => true,
        Value::Decimal(value) if value.is_zero() => false,
        Value::String(text) => match text.to_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => true,
            "false" | "f" | "no" | "n" | "0" | "0.0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Value::Boolean(truth))
}

fn to_integer<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Integer(value) => Some(Value::Integer(*value)),
        Value::Boolean(value) => Some(Value::Integer(i64::from(*value))),
        Value::String(text) => text.parse().ok().and_then(integer).map(Value::Integer),
        _ => None,
    }
}

fn to_decimal<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Integer(value) => Some(Value::Decimal(Decimal::from(*value))),
        Value::Decimal(value) => Some(Value::Decimal(*value)),
        Value::Boolean(value) => Some(Value::Decimal(Decimal::from(u8::from(*value)))),
        Value::String(text) if is_decimal(text) => text.parse().ok().map(Value::Decimal),
        _ => None,
    }
}

/// `(+|-)?digits(.digits)?`
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

fn to_date<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Date(date) => Some(Value::Date(*date)),
        Value::DateTime(moment) => Some(Value::Date(moment.date())),
        Value::String(text) => Temporal::parse_date(text).map(Value::Date),
        _ => None,
    }
}

fn to_date_time<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Date(moment) | Value::DateTime(moment) => Some(Value::DateTime(*moment)),
        // The `T` at the end of a date is a mark of the literal, not of the text.
        Value::String(text) if !text.ends_with('T') => Temporal::parse_date_time(text).map(Value::DateTime),
        _ => None,
    }
}

fn to_time<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Time(time) => Some(Value::Time(*time)),
        Value::String(text) => Temporal::parse_time(text.strip_prefix('T').unwrap_or(text)).map(Value::Time),
        _ => None,
    }
}

fn to_quantity(value: &Value<'_>) -> Option<Quantity> {
    match value {
        Value::Quantity(quantity) => Some(quantity.clone()),
        Value::Integer(value) => Some(Quantity::new(Decimal::from(*value), "1")),
        Value::Decimal(value) => Some(Quantity::new(*value, "1")),
        Value::Boolean(value) => Some(Quantity::new(Decimal::from(u8::from(*value)), "1")),
        Value::String(text) => Quantity::parse(text),
        _ => None,
    }
}
