//! Token revocation: RFC 7009. An unknown token and another client's are answered alike, with 200.

use crate::client_auth::AuthenticatedClient;
use crate::error::OAuthError;
use crate::params::Params;
use crate::token::TokenRecord;

/// A request to revoke.
#[derive(Clone)]
pub struct RevocationRequest {
    /// The token.
    pub token: String,
}

impl RevocationRequest {
    /// Reads the form; the hint does not matter, since a token is found by its hash whatever its kind.
    pub fn parse(form: &[(String, String)]) -> Result<RevocationRequest, OAuthError> {
        Ok(RevocationRequest { token: Params(form).required("token")?.to_owned() })
    }

    /// Says whether the client may revoke the token. With a refresh token its whole family goes.
    pub fn applies(record: &TokenRecord, client: &AuthenticatedClient) -> bool {
        record.client_id == client.client().client_id
    }
}
