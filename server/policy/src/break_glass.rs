//! Overriding a restriction in an emergency, with a reason that goes into the audit log.

use crate::error::PolicyError;

const REASON_LENGTH_MIN: usize = 10;

/// A stated reason for seeing what a restriction hides from direct care. Its text has at least ten characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakGlass(String);

impl BreakGlass {
    /// Accepts a reason that says something.
    pub fn with_reason(reason: &str) -> Result<BreakGlass, PolicyError> {
        let reason = reason.trim();
        if reason.chars().count() < REASON_LENGTH_MIN {
            return Err(PolicyError::ReasonTooShort(REASON_LENGTH_MIN));
        }
        Ok(BreakGlass(reason.to_owned()))
    }

    /// Returns the reason, for the audit record.
    pub fn reason(&self) -> &str {
        &self.0
    }
}
