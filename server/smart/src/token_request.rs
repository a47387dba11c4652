//! The token request: <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3>.

use crate::client_auth::Credentials;
use crate::error::{OAuthError, OAuthErrorCode};
use crate::params::Params;
use std::fmt;

/// What is asked for.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenGrant {
    /// Tokens for a code.
    AuthorizationCode {
        /// The code.
        code: String,
        /// The redirect URI of the authorization request.
        redirect_uri: String,
        /// The PKCE verifier.
        verifier: String,
    },
    /// New tokens for a refresh token.
    RefreshToken {
        /// The refresh token.
        token: String,
        /// Less scope than before.
        scope: Option<String>,
    },
    /// A token for a backend service.
    ClientCredentials {
        /// The scopes.
        scope: String,
    },
}

impl fmt::Debug for TokenGrant {
    /// Leaves the secrets out, so that they cannot slip into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TokenGrant::AuthorizationCode { .. } => "authorization_code",
            TokenGrant::RefreshToken { .. } => "refresh_token",
            TokenGrant::ClientCredentials { .. } => "client_credentials",
        })
    }
}

/// A token request that was read and not yet believed.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// What is asked for.
    pub grant: TokenGrant,
    /// Who asks.
    pub credentials: Credentials,
}

impl TokenRequest {
    /// Reads the form and the `Authorization` header.
    pub fn parse(form: &[(String, String)], authorization: Option<&str>) -> Result<TokenRequest, OAuthError> {
        let params = Params(form);
        let grant = match params.required("grant_type")? {
            "authorization_code" => TokenGrant::AuthorizationCode {
                code: params.required("code")?.to_owned(),
                redirect_uri: params.required("redirect_uri")?.to_owned(),
                verifier: params
                    .optional("code_verifier")?
                    .ok_or_else(|| OAuthError::grant("parameter `code_verifier` is missing"))?
                    .to_owned(),
            },
            "refresh_token" => TokenGrant::RefreshToken {
                token: params.required("refresh_token")?.to_owned(),
                scope: params.optional("scope")?.map(str::to_owned),
            },
            "client_credentials" => TokenGrant::ClientCredentials { scope: params.required("scope")?.to_owned() },
            _ => {
                return Err(OAuthError::new(
                    OAuthErrorCode::UnsupportedGrantType,
                    "the grant type must be authorization_code, refresh_token or client_credentials",
                ));
            }
        };
        Ok(TokenRequest { grant, credentials: Credentials::parse(form, authorization)? })
    }
}
