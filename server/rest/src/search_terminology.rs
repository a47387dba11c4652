//! What searches ask of terminology: `:in`, `:not-in`, `:below` and `:above` on codes.

use search::{Codes, CodesError};
use terminology::{NotListed, Terminology};

/// The codes that this server knows.
#[derive(Debug)]
pub(crate) struct KnownCodes<'t>(pub(crate) &'t Terminology);

impl Codes for KnownCodes<'_> {
    fn value_set(&self, url: &str) -> Result<Vec<(Option<String>, String)>, CodesError> {
        let members = self.0.members(url).map_err(error_of)?;
        Ok(members.into_iter().map(|(system, code)| (Some(system), code)).collect())
    }

    fn below(&self, system: &str, code: &str) -> Result<Vec<String>, CodesError> {
        self.0.below(system, code).map_err(error_of)
    }

    fn above(&self, system: &str, code: &str) -> Result<Vec<String>, CodesError> {
        self.0.above(system, code).map_err(error_of)
    }
}

fn error_of(error: NotListed) -> CodesError {
    match error {
        NotListed::Unknown(_) => CodesError::Unknown,
        NotListed::Open(_) => CodesError::NotListed("not all of its codes are known to this server"),
    }
}
