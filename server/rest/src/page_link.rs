//! Page links: stateless, signed, bound to the access token and to the search they continue.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::failure::Failure;

/// Name of the query parameter that holds the state.
pub(crate) const PARAMETER: &str = "_page";

/// What a link is bound to.
pub(crate) struct Binding<'a> {
    /// The server's key.
    pub key: &'a [u8; 32],
    /// Hash of the access token; empty with open access.
    pub token_hash: &'a str,
    /// The search that is continued, without the page parameter.
    pub search: &'a str,
}

/// Writes the state of a page as the value of [`PARAMETER`].
pub(crate) fn seal<T: Serialize>(state: &T, binding: &Binding<'_>) -> Result<String, Failure> {
    let state = serde_json::to_vec(state).map_err(|_| Failure::internal())?;
    let mut mac = mac(&state, binding)?.finalize().into_bytes().to_vec();
    mac.truncate(16);
    Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(&state), URL_SAFE_NO_PAD.encode(mac)))
}

/// Reads a state back; one that was changed, or given to another token, is refused.
pub(crate) fn open<T: DeserializeOwned>(text: &str, binding: &Binding<'_>) -> Result<T, Failure> {
    let refused = || {
        Failure::bad_request("value", "the page link is not one that this server gave to this client for this search")
    };
    let (state, tag) = text.split_once('.').ok_or_else(refused)?;
    let state = URL_SAFE_NO_PAD.decode(state).map_err(|_| refused())?;
    let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| refused())?;
    if tag.len() != 16 || mac(&state, binding)?.verify_truncated_left(&tag).is_err() {
        return Err(refused());
    }
    serde_json::from_slice(&state).map_err(|_| refused())
}

fn mac(state: &[u8], binding: &Binding<'_>) -> Result<Hmac<Sha256>, Failure> {
    let mut mac = Hmac::<Sha256>::new_from_slice(binding.key).map_err(|_| Failure::internal())?;
    // Lengths go in so that no two triples give the same bytes.
    for part in [state, binding.token_hash.as_bytes(), binding.search.as_bytes()] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    Ok(mac)
}
