//! Page links: stateless, sealed, bound to the access token and to the search they continue.
//!
//! The state holds the sort values of the last match, as a family name, and URLs land in the logs of proxies: so it cannot be read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Serialize, de::DeserializeOwned};

use crate::failure::Failure;
use crate::weir::Weir;

/// Name of the query parameter that holds the state.
pub(crate) const PARAMETER: &str = "_page";

/// What a link is bound to.
pub(crate) struct Binding<'a> {
    /// The server, for its key and for randomness.
    pub weir: &'a Weir,
    /// Hash of the access token; empty with open access.
    pub token_hash: &'a str,
    /// The search that is continued, without the page parameter.
    pub search: &'a str,
}

/// Writes the state of a page as the value of [`PARAMETER`]: a nonce, then what is sealed under it.
pub(crate) fn seal<T: Serialize>(state: &T, binding: &Binding<'_>) -> Result<String, Failure> {
    let mut sealed = serde_json::to_vec(state).map_err(|_| Failure::internal())?;
    // 96 random bits: even after 2^32 links two of them share a nonce with a probability of 2^-33.
    let mut nonce = [0; NONCE_LEN];
    nonce.iter_mut().zip((binding.weir.random)()).for_each(|(to, from)| *to = from);
    let key = binding.key()?;
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), binding.bound(), &mut sealed)
        .map_err(|_| Failure::internal())?;
    Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
}

/// Reads a state back; one that was changed, or given to another token, is refused.
pub(crate) fn open<T: DeserializeOwned>(text: &str, binding: &Binding<'_>) -> Result<T, Failure> {
    let refused = || {
        let message = "the page link is not one that this server gave to this client for this search";
        Failure::bad_param(PARAMETER, "value", message)
    };
    let mut bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
    let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(refused)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused())?;
    let state = binding.key()?.open_in_place(nonce, binding.bound(), sealed).map_err(|_| refused())?;
    serde_json::from_slice(state).map_err(|_| refused())
}

impl Binding<'_> {
    fn key(&self) -> Result<LessSafeKey, Failure> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &self.weir.page_link_key).map_err(|_| Failure::internal())?;
        Ok(LessSafeKey::new(key))
    }

    /// What is not in the link but must be as it was. The length goes in so that no two pairs give the same bytes.
    fn bound(&self) -> Aad<Vec<u8>> {
        let length = (self.token_hash.len() as u64).to_be_bytes();
        Aad::from([length.as_slice(), self.token_hash.as_bytes(), self.search.as_bytes()].concat())
    }
}
