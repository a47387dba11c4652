//! The hash chain: each hash covers the place, the record and the hash before it.

use sha2::{Digest, Sha256};

use crate::error::StoreError;

/// A SHA-256 hash of the chain.
pub type ChainHash = [u8; 32];

/// The hash before the first record.
pub const CHAIN_START: ChainHash = [0; 32];

/// The hash of a record at a place after another.
pub(super) fn link(previous: &ChainHash, seq: u64, record: &[u8]) -> ChainHash {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(seq.to_be_bytes());
    hash.update(record);
    hash.finalize().into()
}

/// A hash from a column.
pub(super) fn hash_of(bytes: &[u8], seq: u64) -> Result<ChainHash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt(format!("audit record {seq} has no whole hash")))
}

/// A place as it is kept.
pub(super) fn to_column(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A place from a column.
pub(super) fn from_column(seq: i64) -> Result<u64, StoreError> {
    u64::try_from(seq).map_err(|_| StoreError::Corrupt(format!("audit place {seq} is negative")))
}
