//! From a stored registration to the client that the protocol knows.

use policy::Scopes;
use smart::{Authentication, Client, Jwks, KeySource, SmartError};
use store::StoreError;
use store::control::{Client as Stored, ClientKind};

use crate::weir::Weir;

/// Reads a registration and refuses one that SMART does not allow or that could not work.
pub fn registered_client(stored: &Stored) -> Result<Client, SmartError> {
    let incomplete = |what: &str| SmartError::Registration(format!("client `{}` has no {what}", stored.client_id));
    let authentication = match stored.kind {
        ClientKind::Public => Authentication::Public,
        ClientKind::Symmetric => {
            let hash = stored.secret_hash.clone();
            Authentication::Symmetric { secret_hash: hash.ok_or_else(|| incomplete("secret"))? }
        }
        ClientKind::Asymmetric => match (&stored.jwks, &stored.jwks_url) {
            (Some(text), _) => {
                let keys = Jwks::parse(text)?;
                if keys.is_empty() {
                    return Err(incomplete("key that can be used: RS384 or ES384 with a `kid`"));
                }
                Authentication::Asymmetric(KeySource::Inline(keys))
            }
            (None, Some(url)) => Authentication::Asymmetric(KeySource::Url(url.clone())),
            (None, None) => return Err(incomplete("key set")),
        },
    };
    let scopes = Scopes::parse(&stored.scopes).map_err(|error| SmartError::Registration(error.to_string()))?;
    let client = Client {
        client_id: stored.client_id.clone(),
        name: stored.name.clone(),
        authentication,
        redirect_uris: stored.redirect_uris.clone(),
        launch_urls: stored.launch_urls.clone(),
        scopes,
        purpose: stored.purpose,
        organisation: stored.organisation.clone(),
        origins: stored.origins.clone(),
        created: stored.created,
    };
    client.check()?;
    Ok(client)
}

/// The client with that identifier, if it may do anything; a registration that cannot be read counts as none.
pub(super) async fn active_client(weir: &Weir, client_id: &str) -> Result<Option<Client>, StoreError> {
    let stored = weir.store.control().client(client_id).await?.filter(|stored| stored.is_active);
    let Some(stored) = stored else { return Ok(None) };
    match registered_client(&stored) {
        Ok(client) => Ok(Some(client)),
        Err(error) => {
            tracing::error!(%error, client_id = stored.client_id, "a registration cannot be used");
            Ok(None)
        }
    }
}
