//! Feed messages (to be written).

use crate::error::StoreError;
use crate::sql::Session;

/// A feed message.
#[derive(Debug, Clone)]
pub struct MessageRecord {}

pub(crate) fn record(_: &mut dyn Session, _: &MessageRecord, _: fhir::Instant) -> Result<bool, StoreError> {
    Ok(true)
}
