//! Tokens as they are stored.

use crate::context::LaunchContext;
use fhir::Instant;
use policy::{Principal, Purpose, Scopes};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Opens resources.
    Access,
    /// Is exchanged, once, for new tokens.
    Refresh,
}

/// A stored token, known by its hash.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenRecord {
    /// The SHA-256 of the token.
    pub hash: [u8; 32],
    /// What it is for.
    pub kind: TokenKind,
    /// The authorization from which it sprang; none for backend services.
    pub family: Option<String>,
    /// Whose it is.
    pub client_id: String,
    /// Who agreed.
    pub user: Option<String>,
    /// What was granted, separated by spaces.
    pub scopes: String,
    /// The purpose of the client when the token was given.
    pub purpose: Purpose,
    /// The hash of the session without which it is dead.
    pub session: Option<Vec<u8>>,
    /// The launch context, with the patient.
    pub context: LaunchContext,
    /// When it was given.
    pub created: Instant,
    /// When it stops to hold.
    pub expires: Instant,
}

impl TokenRecord {
    /// Says whether the token still holds by its time.
    pub fn is_live(&self, now: Instant) -> bool {
        now.0 < self.expires.0
    }

    /// Returns who may do what by an access token; `None` for a refresh token or one that has expired.
    ///
    /// Person and organisation are for the caller to add.
    pub fn principal(&self, now: Instant) -> Option<Principal> {
        if self.kind != TokenKind::Access || !self.is_live(now) {
            return None;
        }
        let (scopes, _) = Scopes::read(&self.scopes);
        let mut principal = Principal::new(self.client_id.clone(), self.purpose, scopes);
        principal.user = self.user.clone();
        principal.patient = self.context.patient.clone();
        Some(principal)
    }
}
