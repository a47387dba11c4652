//! A resource that was given out with parts left out says so in its labels, and must not come back as the whole.
//! <https://hl7.org/fhir/R4/search.html#elements>, <https://terminology.hl7.org/CodeSystem-v3-ObservationValue.html>

use fhir::{Json, Node};

use crate::error::PolicyError;

/// Refuses a body that was given out with parts left out: stored, it would lose them.
pub fn acceptable_whole(json: &Json) -> Result<(), PolicyError> {
    let meta = json.root().get("meta");
    let mut codes = ["tag", "security"].iter().filter_map(|name| meta?.get(name)).flat_map(|list| list.items());
    let is_part = |label: Node<'_>| matches!(label.str("code").as_deref(), Some("SUBSETTED" | "REDACTED"));
    if codes.any(is_part) { Err(PolicyError::NotWhole) } else { Ok(()) }
}
