//! Takes the facts, and no prose, out of definitions as FHIR writes them in JSON.

mod profile;
mod read;
mod search_parameter;
mod terminology;
mod types;

pub use profile::{is_profile, profile};
pub use search_parameter::{compartment, search_parameter};
pub use terminology::{code_system, concept_map, value_set};
pub use types::{is_type, type_def};
