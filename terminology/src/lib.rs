//! Codes: is this code in that value set, what does it mean: <https://hl7.org/fhir/R4/terminologies.html>.

mod members;
mod membership;
mod syntax;
mod terminology;
mod value_set;

pub use members::NotListed;
pub use membership::Membership;
pub use terminology::{Display, Terminology};
