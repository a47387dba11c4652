//! Functions on numbers. <http://hl7.org/fhirpath/N1/#math>

use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use rust_decimal::{Decimal, MathematicalOps, RoundingStrategy};

use crate::error::FhirpathError;
use crate::evaluate::{Items, Outcome, single};
use crate::functions::{Call, Function, optional};
use crate::operators;
use crate::quantity::Quantity;
use crate::value::Value;

pub(super) fn call<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let name = call.function.name();
    let Some(value) = single(input, name)?.and_then(|value| value.system()) else { return Ok(Vec::new()) };
    match (call.function, &value) {
        (Function::Abs, Value::Integer(value)) => {
            return optional(value.checked_abs().and_then(operators::integer).map(Value::Integer));
        }
        (Function::Abs, Value::Quantity(quantity)) => {
            return optional(Some(Value::Quantity(Quantity { value: quantity.value.abs(), ..quantity.clone() })));
        }
        _ => {}
    }
    let Some(number) = operators::number(&value) else { return Err(FhirpathError::WrongType(name)) };
    let decimal = |value: Option<Decimal>| optional(value.map(Value::Decimal));
    let integer = |value: Decimal| optional(value.to_i64().and_then(operators::integer).map(Value::Integer));
    match call.function {
        Function::Abs => decimal(Some(number.abs())),
        Function::Ceiling => integer(number.ceil()),
        Function::Floor => integer(number.floor()),
        Function::Truncate => integer(number.trunc()),
        Function::Round => {
            let digits = u32::try_from(call.integer_argument(0)?.unwrap_or(0));
            let digits = digits.map_err(|_| FhirpathError::WrongType(name))?;
            decimal(Some(number.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero)))
        }
        Function::Exp => decimal(number.checked_exp()),
        Function::Ln => decimal(number.checked_ln()),
        Function::Sqrt => decimal(number.sqrt()),
        Function::Log | Function::Power => with_argument(call, &value, number),
        function => Err(FhirpathError::NotSupported(function.name())),
    }
}

fn with_argument<'a>(call: &Call<'_, '_, '_, 'a>, value: &Value<'a>, number: Decimal) -> Outcome<'a> {
    let name = call.function.name();
    let Some(argument) = single(call.argument(0)?, name)?.and_then(|value| value.system()) else {
        return Ok(Vec::new());
    };
    let Some(other) = operators::number(&argument) else { return Err(FhirpathError::WrongType(name)) };
    if call.function == Function::Log {
        let quotient = || number.checked_ln()?.checked_div(other.checked_ln()?);
        return optional(quotient().map(|value| Value::Decimal(value.round_dp(8))));
    }
    if let (Value::Integer(base), Value::Integer(exponent)) = (value, &argument)
        && let Ok(exponent) = u32::try_from(*exponent)
    {
        return optional(base.checked_pow(exponent).and_then(operators::integer).map(Value::Integer));
    }
    // A root of a negative number is not real, and the float says so.
    let power = number.to_f64().zip(other.to_f64()).map(|(base, exponent)| base.powf(exponent));
    optional(power.and_then(Decimal::from_f64).map(|value| Value::Decimal(value.round_dp(8).normalize())))
}
