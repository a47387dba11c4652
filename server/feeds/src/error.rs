//! Why a source message could not be mapped at all.

/// A message that gives no resources: it goes to quarantine with this as its reason.
///
/// The text names segment and field, line or element, never what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The bytes are not a message of this feed: truncated, wrong framing, wrong syntax. HL7 answer AR.
    #[error("{location}: {reason}")]
    Malformed {
        /// Segment and field, line, or element, as `MSH-9` or `line 3`.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The message is well formed and not of a kind that this feed maps. HL7 answer AR with code 200 or 201.
    #[error("{location}: {what} is not mapped by this feed")]
    Unsupported {
        /// Where the kind is told, as `MSH-9`.
        location: String,
        /// The kind of message, as `SIU^S12`.
        what: String,
    },
    /// Something that the mapping cannot do without is absent. HL7 answer AE with code 101.
    #[error("{location}: {what} is required")]
    Missing {
        /// Segment and field, line, or element.
        location: String,
        /// What is missing.
        what: String,
    },
}

impl MapError {
    /// A message that cannot be read.
    pub fn malformed(location: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Malformed { location: location.into(), reason: reason.into() }
    }

    /// A message of a kind that is not mapped.
    pub fn unsupported(location: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Unsupported { location: location.into(), what: what.into() }
    }

    /// A message without something that is required.
    pub fn missing(location: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Missing { location: location.into(), what: what.into() }
    }

    /// Where in the message the fault lies, as `PID-3` or `line 3`.
    pub fn location(&self) -> &str {
        match self {
            Self::Malformed { location, .. } | Self::Unsupported { location, .. } | Self::Missing { location, .. } => {
                location
            }
        }
    }
}
