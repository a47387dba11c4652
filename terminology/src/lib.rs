//! Codes: is this code in that value set, what does it mean: <https://hl7.org/fhir/R4/terminologies.html>.

mod contains;
mod error;
mod expand;
mod filter;
mod iso;
mod known;
mod lookup;
mod members;
mod membership;
mod service;
mod syntax;
mod terminology;
mod translate;
mod value_set;

pub use error::CannotTell;
pub use expand::{Entry, ExpandOptions, Expansion, is_language};
pub use known::{Added, Known, References, Versions};
pub use lookup::{Subsumption, is_display};
pub use members::NotListed;
pub use membership::Membership;
pub use service::{CodeQuestion, CodeService, Embedded, Telling, Told};
pub use terminology::{Display, Terminology};
pub use translate::{Dependency, Match, TranslateRequest, Translation};
