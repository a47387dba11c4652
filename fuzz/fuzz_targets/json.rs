//! Feeds the JSON parser, and what reads its documents at every write.

#![no_main]

use std::sync::OnceLock;

use definitions::Definitions;
use fhir::Json;
use libfuzzer_sys::fuzz_target;
use search::Registry;

static REGISTRY: OnceLock<Option<Registry>> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let registry = REGISTRY.get_or_init(|| Definitions::r4().ok().map(|definitions| Registry::new(&definitions)));
    let (Some(registry), Ok(json)) = (registry, Json::parse(data)) else { return };
    assert!(Json::parse(json.root().raw().as_bytes()).is_ok(), "what was read is read again");
    search::index(&json, registry);
    search::full_text(&json, registry);
    search::patients_of(&json, registry);
});
