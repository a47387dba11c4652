//! Requirements of the standards as data (`requirements/*.json`), and a runner that holds any FHIR server against them over HTTP.
//!
//! It knows nothing of Weir's insides: what it needs is a base URL that takes requests without a token. `STATUS.md` is written by it.

mod requirement;
mod run;
mod status;
mod suite;

pub use requirement::{Expectation, Requirement, Step, requirements};
pub use run::{Outcome, run};
pub use status::status;
pub use suite::{Suite, suites};
