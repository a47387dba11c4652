//! PKCE with S256, the only method (RFC 7636).

use crate::error::OAuthError;
use crate::handle::is_same_secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A SHA-256 in base64url without padding.
const CHALLENGE_LENGTH: usize = 43;

/// Checks the challenge of an authorization request.
pub(crate) fn check_challenge(challenge: Option<&str>, method: Option<&str>) -> Result<String, OAuthError> {
    let challenge =
        challenge.ok_or_else(|| OAuthError::request("PKCE is required: parameter `code_challenge` is missing"))?;
    if method != Some("S256") {
        return Err(OAuthError::request("PKCE is required with `code_challenge_method=S256`"));
    }
    let is_hash =
        challenge.len() == CHALLENGE_LENGTH && URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|hash| hash.len() == 32);
    if !is_hash {
        return Err(OAuthError::request("`code_challenge` is not a SHA-256 in base64url"));
    }
    Ok(challenge.to_owned())
}

/// Says whether the verifier is well formed and belongs to the challenge.
pub(crate) fn is_verified(verifier: &str, challenge: &str) -> bool {
    let is_unreserved = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    let is_formed = (43..=128).contains(&verifier.len()) && verifier.bytes().all(is_unreserved);
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    is_formed & is_same_secret(hash.as_bytes(), challenge.as_bytes())
}
