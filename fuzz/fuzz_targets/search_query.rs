//! Feeds the search query parser: no panic, and no condition beyond the limits.

#![no_main]

use std::sync::OnceLock;

use definitions::Definitions;
use libfuzzer_sys::fuzz_target;
use search::{Options, Registry, parse_types};

static REGISTRY: OnceLock<Option<Registry>> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let registry = REGISTRY.get_or_init(|| Definitions::r4().ok().map(|definitions| Registry::new(&definitions)));
    let (Some(registry), Ok(text)) = (registry, std::str::from_utf8(data)) else { return };
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        (name.to_owned(), value.to_owned())
    };
    let params: Vec<_> = text.lines().map(pair).collect();
    for types in [["Observation"].as_slice(), &["Patient", "Location"]] {
        let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
        let _ = parse_types(&types, &params, registry, &Options::default());
    }
});
