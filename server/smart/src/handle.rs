//! Random handles: what the client holds is text, what the server keeps is its SHA-256.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// An unguessable handle of 256 bits, given out once and never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Handle(String);

impl Handle {
    /// Makes a handle from fresh randomness.
    pub fn new(random: [u8; 32]) -> Handle {
        Handle(URL_SAFE_NO_PAD.encode(random))
    }

    /// Returns the text for the client.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns what is stored.
    pub fn hash(&self) -> [u8; 32] {
        hash_of(&self.0)
    }
}

impl fmt::Debug for Handle {
    /// Leaves the secret out, so that it cannot slip into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(..)")
    }
}

/// Returns the stored form of a handle that a client presents.
pub fn hash_of(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Compares two secrets in time that does not depend on where they differ.
pub fn is_same_secret(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
