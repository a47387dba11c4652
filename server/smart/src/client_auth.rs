//! Client authentication at the token, introspection and revocation endpoints.

use crate::assertion::{Assertion, AssertionUse};
use crate::client::{Authentication, Client};
use crate::error::OAuthError;
use crate::handle::{is_same_secret, secret_hash};
use crate::jwks::Jwks;
use crate::params::Params;
use crate::token::{TokenKind, TokenRecord};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fhir::Instant;
use std::fmt;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a client presents.
#[derive(Clone)]
pub enum Credentials {
    /// Its id and nothing else: a public client.
    Public {
        /// The client id.
        client_id: String,
    },
    /// Its id and secret.
    Secret {
        /// The client id.
        client_id: String,
        /// The secret.
        secret: String,
        /// Whether they came by HTTP Basic.
        is_basic: bool,
    },
    /// A signed assertion.
    Assertion(Box<Assertion>),
}

impl fmt::Debug for Credentials {
    /// Leaves the secret out, so that it cannot slip into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("client_id", &self.client_id()).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads the credentials of a form and its `Authorization` header. Two ways at once are refused (RFC 6749 section 2.3).
    pub fn parse(form: &[(String, String)], authorization: Option<&str>) -> Result<Credentials, OAuthError> {
        let params = Params(form);
        let client_id = params.optional("client_id")?;
        let secret = params.optional("client_secret")?;
        let assertion = params.optional("client_assertion")?;
        let assertion_type = params.optional("client_assertion_type")?;
        let basic =
            authorization.filter(|header| header.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic ")));
        let ways = [basic.is_some(), secret.is_some(), assertion.is_some() || assertion_type.is_some()];
        if ways.iter().filter(|is_used| **is_used).count() > 1 {
            return Err(OAuthError::request("the client must authenticate in one way only"));
        }
        let credentials = if let Some(header) = basic {
            basic_credentials(header).ok_or_else(basic_error)?
        } else if assertion.is_some() || assertion_type.is_some() {
            if assertion_type != Some(ASSERTION_TYPE) {
                return Err(OAuthError::client(format!("`client_assertion_type` must be `{ASSERTION_TYPE}`")));
            }
            let jwt = assertion.ok_or_else(|| OAuthError::client("parameter `client_assertion` is missing"))?;
            Credentials::Assertion(Box::new(Assertion::parse(jwt)?))
        } else {
            let id = client_id.ok_or_else(|| OAuthError::client("the client does not say who it is"))?.to_owned();
            match secret {
                Some(secret) => Credentials::Secret { client_id: id, secret: secret.to_owned(), is_basic: false },
                None => Credentials::Public { client_id: id },
            }
        };
        if client_id.is_some_and(|id| id != credentials.client_id()) {
            return Err(OAuthError::client("`client_id` differs from the client that authenticates"));
        }
        Ok(credentials)
    }

    /// Returns the client that is claimed.
    pub fn client_id(&self) -> &str {
        match self {
            Credentials::Public { client_id } | Credentials::Secret { client_id, .. } => client_id,
            Credentials::Assertion(assertion) => assertion.client_id(),
        }
    }

    /// Returns the id of the key that is needed, for an assertion.
    pub fn kid(&self) -> Option<&str> {
        match self {
            Credentials::Assertion(assertion) => Some(assertion.kid()),
            _ => None,
        }
    }
}

fn basic_error() -> OAuthError {
    OAuthError { is_basic_challenge: true, ..OAuthError::client("the Basic credentials cannot be read") }
}

/// Reads both the form-encoded pair of RFC 6749 section 2.3.1 and the plain one of careless clients: a secret of ours is the same in both.
fn basic_credentials(header: &str) -> Option<Credentials> {
    let decoded = STANDARD.decode(header.get(6..)?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (client_id, secret) = text.split_once(':')?;
    let decode =
        |part: &str| url::form_urlencoded::parse(format!("v={part}").as_bytes()).next().map(|(_, v)| v.into_owned());
    let client_id = if client_id.contains('%') { decode(client_id)? } else { client_id.to_owned() };
    let secret = if secret.contains('%') { decode(secret)? } else { secret.to_owned() };
    Some(Credentials::Secret { client_id, secret, is_basic: true })
}

/// A client that proved who it is; made by [`Admission::admit`], and for introspection by a token of its own.
#[derive(Debug, Clone)]
pub struct AuthenticatedClient {
    client: Client,
}

impl AuthenticatedClient {
    /// Takes a live access token of the client for its proof: for questions about tokens, never for new ones.
    pub fn by_token(client: Client, record: &TokenRecord, now: Instant) -> Option<AuthenticatedClient> {
        let is_proof = record.kind == TokenKind::Access && record.client_id == client.client_id && record.is_live(now);
        is_proof.then_some(AuthenticatedClient { client })
    }

    /// Returns the registration.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// A client whose proof is right, if it is not a replay.
#[derive(Debug, Clone)]
pub struct Admission {
    client: Client,
    assertion: Option<AssertionUse>,
}

impl Admission {
    /// Returns the use of an assertion, which the caller must try to remember before admitting the client.
    pub fn assertion(&self) -> Option<&AssertionUse> {
        self.assertion.as_ref()
    }

    /// Admits the client; `is_new` says that the assertion had not been remembered before, and counts for assertions only.
    pub fn admit(self, is_new: bool) -> Result<AuthenticatedClient, OAuthError> {
        if self.assertion.is_some() && !is_new {
            return Err(OAuthError::client("the assertion was used before: each needs a `jti` of its own"));
        }
        Ok(AuthenticatedClient { client: self.client })
    }
}

/// Checks credentials against the registration that they name. `keys` are the client's, inline or as fetched from its URL.
///
/// An unknown client and a wrong secret are told the same.
pub fn authenticate(
    credentials: &Credentials,
    client: Option<&Client>,
    keys: Option<&Jwks>,
    token_url: &str,
    now: Instant,
) -> Result<Admission, OAuthError> {
    let is_basic = matches!(credentials, Credentials::Secret { is_basic: true, .. });
    let unknown = || OAuthError {
        is_basic_challenge: is_basic,
        ..OAuthError::client("the client is not known or its proof is wrong")
    };
    let client = client.filter(|client| client.client_id == credentials.client_id()).ok_or_else(unknown)?;
    let admission = |assertion| Admission { client: client.clone(), assertion };
    match (&client.authentication, credentials) {
        (Authentication::Public, Credentials::Public { .. }) => Ok(admission(None)),
        (Authentication::Symmetric { secret_hash: stored }, Credentials::Secret { secret, .. }) => {
            if is_same_secret(secret_hash(secret).as_bytes(), stored.as_bytes()) {
                Ok(admission(None))
            } else {
                Err(unknown())
            }
        }
        (Authentication::Asymmetric(_), Credentials::Assertion(assertion)) => {
            let keys = keys.ok_or_else(|| OAuthError::client("the client's key set cannot be had"))?;
            Ok(admission(Some(assertion.verify(client, keys, token_url, now)?)))
        }
        _ => Err(OAuthError {
            is_basic_challenge: is_basic,
            ..OAuthError::client("the client must authenticate in the way in which it is registered")
        }),
    }
}
