//! Definitions to compiled rules to validation: <https://hl7.org/fhir/R4/profiling.html>. `uk-core/` holds our UK Core definitions.

mod base_rules;
mod base_walk;
mod coded;
mod differential;
mod equality;
mod error;
mod extension;
mod fhirpath_host;
mod item;
mod options;
mod path;
mod primitive;
mod profile_table;
mod profile_walk;
mod reference_walk;
mod rule;
mod slicing;
mod text;
mod uk_core;
mod validated;
mod validator;
mod walk;

pub use error::ProfilesError;
pub use fhirpath_host::FhirpathHost;
pub use options::{AnsweredFacts, Options, Question, Strictness, Verdict};
pub use uk_core::{uk_core, with_uk_core};
pub use validated::{Label, Validated};
pub use validator::Validator;
