//! Logical ids stand in URLs, logs and audit records, so none may be an NHS number.

use crate::error::PolicyError;
use fhir::NhsNumber;

/// Refuses an id that is a valid NHS number, also when it is written with hyphens.
pub fn acceptable_id(id: &str) -> Result<(), PolicyError> {
    if NhsNumber::parse(id).is_ok() { Err(PolicyError::IdIsNhsNumber) } else { Ok(()) }
}
