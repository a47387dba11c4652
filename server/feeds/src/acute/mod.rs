//! HL7 v2 from acute trusts: parser, ADT and ORU to UK Core, acknowledgements.

use crate::{MapError, Mapped, Message};

/// Maps every HL7 v2 message in the bytes.
pub fn map(_message: &Message<'_>) -> Result<Vec<Mapped>, MapError> {
    Err(MapError::unsupported("MSH-9", "every message"))
}

/// Cuts a file into its messages.
pub fn split(bytes: &[u8]) -> Vec<&[u8]> {
    vec![bytes]
}
