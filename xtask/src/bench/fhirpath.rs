//! `cargo xtask bench fhirpath`: how long one evaluation takes, compiled once and warm, on one core.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ::fhirpath::{Context, Expression, NoHost};
use anyhow::{Context as _, Result, ensure};
use definitions::Definitions;
use fhir::Json;

use super::population::{Kind, Population, References};
use super::report::Row;

/// What one evaluation may take, in nanoseconds.
const INVARIANT_GOAL_NS: f64 = 1000.0;
const SEARCH_GOAL_NS: f64 = 500.0;
/// How long one figure is measured; the best of the rounds counts, for the machine may be shared.
const ROUND: Duration = Duration::from_millis(20);
const ROUNDS: usize = 8;

/// Invariants by key, with the resource and the element that they are asked about.
const INVARIANTS: [(&str, &str, &str); 12] = [
    ("ele-1", "Patient", "name.first()"),
    ("ele-1", "Patient", "birthDate"),
    ("dom-2", "Patient", "$this"),
    ("dom-3", "Patient", "$this"),
    ("dom-5", "Observation", "$this"),
    ("dom-6", "Patient", "$this"),
    ("ref-1", "Observation", "subject"),
    ("qty-3", "Observation", "descendants().ofType(Quantity).first()"),
    ("obs-6", "Observation", "$this"),
    ("obs-7", "Observation", "$this"),
    ("obs-3", "Observation", "referenceRange.first()"),
    ("per-1", "Encounter", "period"),
];
/// Search parameters by type and code.
const SEARCHES: [(&str, &str); 12] = [
    ("Patient", "family"),
    ("Patient", "given"),
    ("Patient", "birthdate"),
    ("Patient", "identifier"),
    ("Patient", "email"),
    ("Patient", "address-city"),
    ("Observation", "code"),
    ("Observation", "status"),
    ("Observation", "date"),
    ("Observation", "patient"),
    ("Observation", "value-quantity"),
    ("Encounter", "date"),
];

/// Measures.
pub(super) fn rows() -> Result<Vec<Row>> {
    let definitions = Definitions::r4()?;
    let mut rows = Vec::new();
    let mut means = Vec::new();
    for (key, type_name, focus) in INVARIANTS {
        let source = invariant(&definitions, key)?;
        rows.push(row("invariant", key, type_name, focus, source, &definitions)?);
    }
    means.push(mean("invariant", &rows, INVARIANT_GOAL_NS));
    for (type_name, code) in SEARCHES {
        let mut known = definitions.search_parameters().iter();
        let found = known.find(|found| found.code == code && found.base.iter().any(|base| base == type_name));
        let source = found.and_then(|found| found.expression.as_deref());
        let source = source.with_context(|| format!("there is no search parameter {code} of {type_name}"))?;
        // The registry keeps the alternatives of the type alone.
        let own: Vec<&str> = source.split('|').map(str::trim).filter(|one| one.contains(type_name)).collect();
        rows.push(row("search", code, type_name, "$this", &own.join(" | "), &definitions)?);
    }
    means.push(mean("search", &rows, SEARCH_GOAL_NS));
    rows.extend(means);
    Ok(rows)
}

fn mean(group: &'static str, rows: &[Row], goal_ns: f64) -> Row {
    let figures: Vec<f64> = rows.iter().filter(|row| row.workload == group).filter_map(|row| row.value).collect();
    let mean = figures.iter().sum::<f64>() / figures.len().max(1) as f64;
    Row::value(group, "mean", "ns", Some(mean)).noting(&format!("goal {goal_ns}"))
}

/// The rule of that key, on a type or on an element of one.
fn invariant<'d>(definitions: &'d Definitions, key: &str) -> Result<&'d str> {
    for found in definitions.types() {
        let mut elements: Vec<_> = found.elements.iter().collect();
        let mut rules: Vec<_> = found.constraints.iter().collect();
        while let Some(element) = elements.pop() {
            elements.extend(&element.children);
            rules.extend(&element.constraints);
        }
        if let Some(rule) = rules.into_iter().find(|rule| rule.key == key) {
            return Ok(&rule.expression);
        }
    }
    anyhow::bail!("there is no invariant {key}")
}

fn row(
    group: &'static str,
    name: &str,
    type_name: &str,
    focus: &str,
    source: &str,
    definitions: &Definitions,
) -> Result<Row> {
    let resource = Json::parse(resource(type_name)?.as_bytes())?;
    let context = Context::new(resource.root(), definitions, &NoHost);
    let whole = context.resource.clone().context("a context has a resource")?;
    let focus = Expression::parse(focus)?.evaluate(&whole, &context)?.into_iter().next();
    let focus = focus.with_context(|| format!("{type_name} has nothing for {name}"))?;
    let expression = Expression::parse(source)?;
    expression.evaluate(&focus, &context)?;
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let (start, mut count) = (Instant::now(), 0_u32);
        while start.elapsed() < ROUND {
            for _ in 0..100 {
                // An invariant is asked whether it holds, a search expression what it finds.
                match group {
                    "invariant" => black_box(expression.holds(black_box(&focus), &context).is_ok()),
                    _ => black_box(expression.evaluate(black_box(&focus), &context).is_ok()),
                };
            }
            count += 100;
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(count));
    }
    Ok(Row::value(group, &format!("{type_name} {name}"), "ns", Some(best)))
}

/// A resource of the synthetic population: a blood pressure among the Observations has no value of its own, so one that has is taken.
fn resource(type_name: &str) -> Result<String> {
    let population = Population { seed: 1, patients: 1, is_claiming: true, references: References::Relative };
    let mut names = population.of_patient(0).filter(|name| name.kind.as_str() == type_name);
    let is_wanted = |text: &String| type_name != Kind::Observation.as_str() || text.contains("referenceRange");
    let found = names.by_ref().map(|name| population.resource(name)).find(is_wanted);
    ensure!(found.is_some(), "the population has no {type_name}");
    found.context("found just now")
}
