//! Messages of this feed to UK Core.

use crate::{MapError, Mapped, Message};

/// Maps a message of this feed.
pub fn map(message: &Message<'_>) -> Result<Vec<Mapped>, MapError> {
    Err(MapError::unsupported("message", message.feed.name()))
}
