//! Restrictions: the stored projection of consents, objections and sensitive flags, one row a person and class.

use crate::error::PolicyError;
use crate::purpose::Purpose;
use fhir::Instant;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What kind of restriction a row is. The national data opt-out is never stored: see [`crate::exportable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A Type 1 objection: GP-held data may not leave for purposes beyond individual care.
    Type1,
    /// A sensitive (S-flagged) record: whereabouts are hidden in direct care, the person is left out of secondary use.
    Sensitive,
    /// A denial by Consent for direct care.
    ConsentDenyDirectCare,
    /// A denial by Consent for secondary use.
    ConsentDenySecondaryUse,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 4] =
        [Class::Type1, Class::Sensitive, Class::ConsentDenyDirectCare, Class::ConsentDenySecondaryUse];

    /// Returns the class as it is written in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Type1 => "type-1",
            Class::Sensitive => "sensitive",
            Class::ConsentDenyDirectCare => "consent-deny-direct-care",
            Class::ConsentDenySecondaryUse => "consent-deny-secondary-use",
        }
    }

    /// Returns the purpose that the class restricts; `None` means every purpose.
    pub fn purpose(self) -> Option<Purpose> {
        match self {
            Class::Type1 | Class::ConsentDenySecondaryUse => Some(Purpose::SecondaryUse),
            Class::ConsentDenyDirectCare => Some(Purpose::DirectCare),
            Class::Sensitive => None,
        }
    }
}

impl FromStr for Class {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Class, PolicyError> {
        Class::ALL
            .into_iter()
            .find(|class| class.as_str() == text)
            .ok_or_else(|| PolicyError::UnknownClass(text.to_owned()))
    }
}

/// When a restriction holds; an open side is without limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period {
    /// First instant.
    pub start: Option<Instant>,
    /// Last instant.
    pub end: Option<Instant>,
}

impl Period {
    /// Says whether the period holds at the instant.
    pub fn contains(&self, now: Instant) -> bool {
        self.start.is_none_or(|start| start.0 <= now.0) && self.end.is_none_or(|end| now.0 <= end.0)
    }
}

/// One restriction of the person whom a resource is about; the store adds the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restriction {
    /// What it restricts. The purpose follows from the class.
    pub class: Class,
    /// When it holds.
    pub period: Period,
}
