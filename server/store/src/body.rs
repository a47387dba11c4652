//! Bodies as they lie in the database: without version and time, which are columns, so that nothing is left to do on a body
//! when the writer takes it.

use bytes::Bytes;
use fhir::{Instant, Json};

use crate::error::StoreError;

/// The body column for an unstamped text ([`fhir::resource::unstamped`]).
pub(crate) fn pack(unstamped: &[u8]) -> Bytes {
    Bytes::copy_from_slice(unstamped)
}

/// The bytes to serve, from a body column; empty for a deletion marker.
pub(crate) fn unpack(stored: &[u8], version: u64, last_updated: Instant) -> Result<Bytes, StoreError> {
    Ok(fhir::resource::fill_stamp(stored, version, last_updated).into())
}

/// The tree of a body that this program stored.
pub(crate) fn parse_stored(body: &Bytes) -> Result<Json, StoreError> {
    Json::parse(body).map_err(|_| StoreError::Corrupt("a stored body is not JSON".to_owned()))
}
