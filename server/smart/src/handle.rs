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
        handle_hash(&self.0)
    }
}

impl fmt::Debug for Handle {
    /// Leaves the secret out, so that it cannot slip into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(..)")
    }
}

/// Returns the stored form of a handle that a client presents.
pub fn handle_hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Returns the stored form of a client secret. The secret is a [`Handle`] of 256 random bits, so that it needs no slow hash.
pub fn secret_hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(handle_hash(secret))
}

/// Compares two secrets in time that does not depend on where they differ.
pub fn is_same_secret(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
