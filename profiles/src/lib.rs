//! Definitions to snapshots to compiled rules to validation; uk-core/ holds our UK Core definitions

mod error;
mod options;
mod uk_core;
mod validated;
mod validator;

pub use error::ProfilesError;
pub use options::{AnsweredFacts, Options, Question, Strictness, Verdict};
pub use uk_core::{uk_core, with_uk_core};
pub use validated::{Label, Validated};
pub use validator::Validator;
