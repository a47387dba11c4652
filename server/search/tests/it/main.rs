//! The search language through its public API.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too"
)]

mod compartment;
mod index;
mod matches;
mod parse;
mod registry;

use std::sync::OnceLock;

use definitions::Definitions;
use fhir::Json;
use search::Registry;

/// One registry for all tests: it is immutable and dear to make.
fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry::new(&Definitions::r4().unwrap()))
}

fn json(value: serde_json::Value) -> Json {
    Json::from_value(&value)
}
