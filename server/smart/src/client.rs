//! A registered client.

use crate::jwks::Jwks;
use fhir::Instant;
use policy::{Purpose, Scopes};

/// Where the public keys of a client are.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// Registered with the client.
    Inline(Jwks),
    /// At a URL, fetched by the caller.
    Url(String),
}

/// How a client proves who it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Authentication {
    /// Not at all: a browser or phone app.
    Public,
    /// By a secret that this server made.
    Symmetric {
        /// What [`crate::secret_hash`] made of it.
        secret_hash: String,
    },
    /// By a signed assertion (`private_key_jwt`).
    Asymmetric(KeySource),
}

/// A client. Every client has a purpose: there is no token without one.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// Its identifier.
    pub client_id: String,
    /// What people see on the consent page.
    pub name: String,
    /// How it proves who it is.
    pub authentication: Authentication,
    /// Where answers may be sent, compared exactly.
    pub redirect_uris: Vec<String>,
    /// Where it may be launched.
    pub launch_urls: Vec<String>,
    /// The scopes it may be granted.
    pub scopes: Scopes,
    /// What it may use data for.
    pub purpose: Purpose,
    /// The ODS code of the organisation behind it.
    pub organisation: Option<String>,
    /// The web origins it may call from.
    pub origins: Vec<String>,
    /// When it was registered.
    pub created: Instant,
}

impl Client {
    /// Says whether a browser page of the origin may call on behalf of this client.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| known == origin)
    }

    /// Says whether the client can keep a secret.
    pub fn is_confidential(&self) -> bool {
        self.authentication != Authentication::Public
    }

    /// Returns the URL from which the client's keys must be fetched.
    pub fn jwks_url(&self) -> Option<&str> {
        match &self.authentication {
            Authentication::Asymmetric(KeySource::Url(url)) => Some(url),
            _ => None,
        }
    }

    /// Returns the keys that were registered with the client.
    pub fn inline_jwks(&self) -> Option<&Jwks> {
        match &self.authentication {
            Authentication::Asymmetric(KeySource::Inline(jwks)) => Some(jwks),
            _ => None,
        }
    }
}
