//! Authentication of a client, with its keys and the memory of assertions.

use smart::{AuthenticatedClient, Credentials};

use super::client::active_client;
use super::oauth::Refusal;
use super::state::State;
use crate::weir::Weir;

/// Lets the client in, or says why not.
pub(super) async fn admit(
    weir: &Weir,
    state: &State,
    credentials: &Credentials,
) -> Result<AuthenticatedClient, Refusal> {
    let now = weir.now();
    let client = active_client(weir, credentials.client_id()).await?;
    let fetched = match (client.as_ref().and_then(smart::Client::jwks_url), credentials.kid()) {
        (Some(url), Some(kid)) => state.key_sets.get(weir, url, kid).await,
        _ => None,
    };
    let keys = fetched.as_deref().or_else(|| client.as_ref().and_then(smart::Client::inline_jwks));
    let token_url = weir.smart_server().token_url;
    let admission = smart::authenticate(credentials, client.as_ref(), keys, &token_url, now)?;
    let is_new = match admission.assertion() {
        Some(one) => weir.store.control().remember_assertion(&one.issuer, &one.jti, one.expires, now).await?,
        None => true,
    };
    Ok(admission.admit(is_new)?)
}
