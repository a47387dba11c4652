//! What can be wrong with input to this crate.

use thiserror::Error;

/// An input that policy does not accept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// A scope that is in none of the supported forms.
    #[error("scope `{0}` is not a scope that this server knows")]
    UnknownScope(String),
    /// A purpose that does not exist.
    #[error("purpose `{0}` is not one of direct-care, secondary-use, administration")]
    UnknownPurpose(String),
    /// A logical id that could be an NHS number. The id itself is not repeated: it may be somebody's number.
    #[error("the logical id is a valid NHS number, which must not be used as an id")]
    IdIsNhsNumber,
    /// A resource that was given out with parts left out.
    #[error("the resource says that parts of it were left out (SUBSETTED or REDACTED), so it cannot replace the whole")]
    NotWhole,
    /// A reason for breaking the glass that says nothing.
    #[error("a reason of at least {0} characters is needed to override a restriction")]
    ReasonTooShort(usize),
    /// A restriction class or other stored code that this version does not know.
    #[error("`{0}` is not a known restriction class")]
    UnknownClass(String),
}
