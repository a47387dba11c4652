//! Existence, filtering, subsetting and combining. <http://hl7.org/fhirpath/N1/#existence>

use std::cmp::Ordering;

use crate::ast::Expr;
use crate::equality::{distinct, holds};
use crate::error::FhirpathError;
use crate::evaluate::{Items, Outcome, Scope, single, truth};
use crate::functions::{Call, Function, boolean, optional};
use crate::operators::order;
use crate::value::Value;

pub(super) fn call<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    use Function as F;
    match call.function {
        F::Empty => boolean(input.is_empty()),
        F::Exists if call.arguments.is_empty() => boolean(!input.is_empty()),
        F::Exists => boolean(!filter(call, input)?.is_empty()),
        F::All => all(call, &input),
        F::AllTrue | F::AnyTrue | F::AllFalse | F::AnyFalse => truths(call.function, &input),
        F::Count => Ok(vec![Value::Integer(input.len() as i64)]),
        F::Not => optional(truth(&input)?.map(|value| Value::Boolean(!value))),
        F::Where => filter(call, input),
        F::Select => select(call, &input),
        F::Repeat | F::RepeatAll => repeat(call, input),
        F::Coalesce => coalesce(call),
        F::Aggregate => aggregate(call, &input),
        F::Sort => sort(call, input),
        F::Iif => iif(call, input),
        F::Trace => trace(call, input),
        F::DefineVariable => define_variable(call, input),
        F::Now | F::Today | F::TimeOfDay => clock(call),
        F::Single => optional(single(input, "single")?),
        F::First => optional(input.into_iter().next()),
        F::Last => optional(input.into_iter().next_back()),
        F::Tail => Ok(input.into_iter().skip(1).collect()),
        F::Skip => Ok(input.into_iter().skip(count_argument(call)?).collect()),
        F::Take => Ok(input.into_iter().take(count_argument(call)?).collect()),
        _ => sets(call, input),
    }
}

fn sets<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    use Function as F;
    let other = call.argument(0)?;
    // Sets are compared pair by pair.
    match call.function {
        F::Combine => call.evaluator.spend(input.len().saturating_add(other.len()))?,
        F::Union | F::Distinct | F::IsDistinct => call.evaluator.spend_union(&input, &other)?,
        F::Intersect => {
            call.evaluator.spend_pairs(&input, &other)?;
            call.evaluator.spend_union(&input, &[])?;
        }
        _ => call.evaluator.spend_pairs(&input, &other)?,
    }
    match call.function {
        F::Distinct => Ok(distinct(input.into_iter())),
        F::IsDistinct => {
            let count = input.len();
            boolean(distinct(input.into_iter()).len() == count)
        }
        F::SubsetOf => boolean(input.iter().all(|item| holds(&other, item))),
        F::SupersetOf => boolean(other.iter().all(|item| holds(&input, item))),
        F::Intersect => Ok(distinct(input.into_iter().filter(|item| holds(&other, item)))),
        F::Exclude => Ok(input.into_iter().filter(|item| !holds(&other, item)).collect()),
        F::Union => Ok(distinct(input.into_iter().chain(other))),
        F::Combine => Ok(input.into_iter().chain(other).collect()),
        function => Err(FhirpathError::NotSupported(function.name())),
    }
}

fn truths<'a>(function: Function, input: &[Value<'a>]) -> Outcome<'a> {
    let truths: Option<Vec<bool>> = input.iter().map(Value::as_boolean).collect();
    let truths = truths.ok_or(FhirpathError::WrongType(function.name()))?;
    boolean(match function {
        Function::AllTrue => !truths.contains(&false),
        Function::AllFalse => !truths.contains(&true),
        Function::AnyTrue => truths.contains(&true),
        _ => truths.contains(&false),
    })
}

fn count_argument(call: &Call<'_, '_, '_, '_>) -> Result<usize, FhirpathError> {
    Ok(usize::try_from(call.integer_argument(0)?.unwrap_or(0)).unwrap_or(0))
}

fn condition<'a>(call: &Call<'_, '_, '_, 'a>, item: &Value<'a>, index: usize) -> Result<Option<bool>, FhirpathError> {
    let scope = Scope { this: item, index: Some(index), total: call.scope.total };
    call.arguments.first().map_or(Ok(None), |condition| call.evaluator.holds_apart(condition, scope))
}

fn filter<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let mut kept = Vec::with_capacity(input.len());
    for (index, item) in input.into_iter().enumerate() {
        if condition(call, &item, index)? == Some(true) {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn all<'a>(call: &Call<'_, '_, '_, 'a>, input: &[Value<'a>]) -> Outcome<'a> {
    for (index, item) in input.iter().enumerate() {
        if condition(call, item, index)? != Some(true) {
            return boolean(false);
        }
    }
    boolean(true)
}

fn select<'a>(call: &Call<'_, '_, '_, 'a>, input: &[Value<'a>]) -> Outcome<'a> {
    let mut found = Vec::new();
    for (index, item) in input.iter().enumerate() {
        found.extend(call.of_item(0, item, index)?);
    }
    call.evaluator.spend(found.len())?;
    Ok(found)
}

fn repeat<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let mut found: Items<'a> = Vec::new();
    let mut waiting = input;
    while !waiting.is_empty() {
        let mut next = Vec::new();
        for item in &waiting {
            for child in call.of_item(0, item, 0)? {
                if call.function == Function::RepeatAll {
                    found.push(child.clone());
                    next.push(child);
                    continue;
                }
                call.evaluator.spend(found.len())?;
                if !holds(&found, &child) {
                    found.push(child.clone());
                    next.push(child);
                }
            }
        }
        waiting = next;
    }
    Ok(found)
}

/// The first argument that finds something.
fn coalesce<'a>(call: &Call<'_, '_, '_, 'a>) -> Outcome<'a> {
    for position in 0..call.arguments.len() {
        let found = call.argument(position)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

fn aggregate<'a>(call: &Call<'_, '_, '_, 'a>, input: &[Value<'a>]) -> Outcome<'a> {
    let Some(step) = call.arguments.first() else { return Ok(Vec::new()) };
    let mut total = call.argument(1)?;
    for (index, item) in input.iter().enumerate() {
        let scope = Scope { this: item, index: Some(index), total: Some(&total) };
        total = call.evaluator.scoped(step, scope)?;
    }
    Ok(total)
}

fn iif<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let item = single(input, "iif")?;
    // The branches see the index of the loop around them.
    let scope = Scope { this: item.as_ref().unwrap_or(call.scope.this), ..call.scope };
    let evaluate = |position: usize| match call.arguments.get(position) {
        Some(argument) => call.evaluator.scoped(argument, scope),
        None => Ok(Vec::new()),
    };
    let decision = evaluate(0)?;
    let is_true = match decision.as_slice() {
        [] => false,
        [item] => item.as_boolean().ok_or(FhirpathError::WrongType("iif"))?,
        _ => return Err(FhirpathError::NotSingle("iif")),
    };
    evaluate(if is_true { 1 } else { 2 })
}

fn define_variable<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let Some(name) = call.text_argument(0)? else { return Ok(input) };
    let value = match (call.arguments.get(1), input.as_slice()) {
        (None, _) => input.clone(),
        (Some(_), [item]) => call.of_item(1, item, 0)?,
        (Some(_), _) => call.argument(1)?,
    };
    call.evaluator.define(name, value)?;
    Ok(input)
}

/// Hands the items, or what the second argument makes of them, to whoever listens.
fn trace<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let name = call.text_argument(0)?.ok_or(FhirpathError::WrongType("trace"))?;
    let host = call.evaluator.context.host;
    let Some(projection) = call.arguments.get(1) else {
        host.trace(&name, &input);
        return Ok(input);
    };
    let mut shown = Vec::new();
    for (index, item) in input.iter().enumerate() {
        let scope = Scope { this: item, index: Some(index), total: call.scope.total };
        shown.extend(call.evaluator.scoped(projection, scope)?);
    }
    host.trace(&name, &shown);
    Ok(input)
}

fn clock<'a>(call: &Call<'_, '_, '_, 'a>) -> Outcome<'a> {
    let now = call.evaluator.context.now;
    let told = |name| now.ok_or(FhirpathError::NotSupported(name));
    Ok(vec![match call.function {
        Function::Now => Value::DateTime(told("now")?),
        Function::Today => Value::Date(told("today")?.date()),
        _ => Value::Time(told("timeOfDay")?.time()),
    }])
}

/// Sorts by keys; a key under a minus sign sorts downwards. Items without a key come first either way, as the official suite has it.
fn sort<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let mut keyed = Vec::with_capacity(input.len());
    let halvings = input.len().checked_ilog2().unwrap_or_default() as usize + 1;
    for (index, item) in input.into_iter().enumerate() {
        let mut keys = Vec::new();
        for (position, argument) in call.arguments.iter().enumerate() {
            let scope = Scope { this: &item, index: Some(index), total: None };
            let (is_downwards, expression) = match argument {
                Expr::Negate { value, .. } => (true, &**value),
                other => (false, other),
            };
            let key = single(call.evaluator.scoped(expression, scope)?, "sort")?;
            keys.push((key.and_then(|key| key.system()), is_downwards));
            call.evaluator.spend(position)?;
        }
        if keys.is_empty() {
            keys.push((item.system(), false));
        }
        let length_bytes: usize = keys.iter().filter_map(|(key, _)| key.as_ref()).map(Value::length_bytes).sum();
        // Each is compared about as often as the count can be halved.
        call.evaluator.spend_text(length_bytes.saturating_mul(halvings))?;
        keyed.push((keys, item));
    }
    keyed.sort_by(|(left, _), (right, _)| {
        let orders = left.iter().zip(right).map(|((left, is_downwards), (right, _))| {
            let order = match (left, right) {
                (Some(left), Some(right)) => order(left, right).ok().flatten().unwrap_or(Ordering::Equal),
                (left, right) => return left.is_some().cmp(&right.is_some()),
            };
            if *is_downwards { order.reverse() } else { order }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}
