//! The UK Core definitions that are built into the binary; their source is `uk-core/`.

use std::io::Read as _;

use definitions::Definitions;
use serde_json::Value;

use crate::error::ProfilesError;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/uk-core.zst"));

/// What the urls of UK Core resource profiles start with; the type's name follows.
pub(crate) const PROFILE_PREFIX: &str = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-";

/// Gives the UK Core StructureDefinitions, ValueSets, CodeSystems and ConceptMaps as FHIR JSON.
pub fn uk_core() -> Result<Vec<Value>, ProfilesError> {
    let mut text = String::new();
    zstd::Decoder::new(PACKED)
        .and_then(|mut decoder| decoder.read_to_string(&mut text))
        .map_err(ProfilesError::Unpack)?;
    let lines = text.lines().enumerate();
    lines
        .map(|(position, line)| serde_json::from_str(line).map_err(|source| ProfilesError::Json { position, source }))
        .collect()
}

/// Lays the UK Core definitions over those of FHIR.
pub fn with_uk_core(base: &Definitions) -> Result<Definitions, ProfilesError> {
    base.with_overlay(uk_core()?).map_err(ProfilesError::Overlay)
}
