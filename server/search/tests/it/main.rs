//! The search language through its public API.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too"
)]

mod chain;
mod codes;
mod compartment;
mod composite;
mod filter;
mod full_text;
mod include;
mod index;
mod judge;
mod kinds;
mod matches;
mod oracle;
mod parse;
mod registry;
mod text;
mod unit;

use std::sync::OnceLock;

use definitions::Definitions;
use fhir::{Instant, Json};
use search::{Condition, Options, Query, Registry, identity_entries, index, matches, parse};

/// One registry for all tests: it is immutable and dear to make.
fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry::new(&Definitions::r4().unwrap()))
}

fn json(value: serde_json::Value) -> Json {
    Json::from_value(&value)
}

/// Reads a query text (`name=value&name=value`) with plain options.
fn read(type_name: &str, query: &str) -> Result<Query, Vec<fhir::Issue>> {
    read_with(type_name, query, &Options::default())
}

fn read_with(type_name: &str, query: &str, options: &Options<'_>) -> Result<Query, Vec<fhir::Issue>> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    };
    let params: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
    parse(type_name, &params, registry(), options)
}

/// The only condition of a query.
fn condition(type_name: &str, query: &str) -> Condition {
    let mut query = read(type_name, query).unwrap_or_else(|issues| panic!("{query}: {issues:?}"));
    assert_eq!(query.conditions.len(), 1);
    query.conditions.remove(0)
}

/// The only message with which a query is refused.
fn refused(type_name: &str, query: &str) -> String {
    let issues = read(type_name, query).err().unwrap_or_else(|| panic!("{query} is read"));
    assert_eq!(issues.len(), 1);
    issues[0].diagnostics.clone()
}

/// Holds each query to a resource with the id `x1`, written at the first second of the epoch.
fn check_matches(resource: &serde_json::Value, cases: &[(&str, bool)]) {
    let document = json(resource.clone());
    let type_name = document.resource_type().unwrap();
    let mut entries = index(&document, registry());
    entries.extend(identity_entries("x1", Instant(1_000)));
    for (query, expected) in cases {
        let Condition::Filter(filter) = condition(type_name, query) else { panic!("{query}: no filter") };
        assert_eq!(matches(&filter, &entries, registry()), *expected, "{query}");
    }
}
