//! The purpose for which a client was registered: it belongs to the client, never to a request.

use crate::error::PolicyError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a client may use data at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Individual care: scopes, compartments, consent and labels decide; the national data opt-out does not apply.
    DirectCare,
    /// Research and planning: nothing but the client's own bulk exports, with opt-outs applied.
    SecondaryUse,
    /// Running the server: nothing clinical.
    Administration,
}

impl Purpose {
    /// Returns the purpose as it is written in configuration and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::DirectCare => "direct-care",
            Purpose::SecondaryUse => "secondary-use",
            Purpose::Administration => "administration",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Purpose, PolicyError> {
        match text {
            "direct-care" => Ok(Purpose::DirectCare),
            "secondary-use" => Ok(Purpose::SecondaryUse),
            "administration" => Ok(Purpose::Administration),
            other => Err(PolicyError::UnknownPurpose(other.to_owned())),
        }
    }
}
