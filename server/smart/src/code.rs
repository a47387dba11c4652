//! Authorization codes.

use crate::context::LaunchContext;
use crate::handle::Handle;
use fhir::Instant;
use serde::{Deserialize, Serialize};

/// All that is bound to a code. Stored as JSON beside the hash of the code, for one use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodeRecord {
    /// The client to which it was given.
    pub client_id: String,
    /// The redirect URI of the request.
    pub redirect_uri: String,
    /// The PKCE challenge.
    pub challenge: String,
    /// The FHIR base for which it was given.
    pub aud: String,
    /// What was granted, separated by spaces.
    pub scopes: String,
    /// Who agreed.
    pub user: String,
    /// The launch context.
    pub context: LaunchContext,
    /// The family of all tokens that spring from it: revoked when the code comes a second time.
    pub family: String,
    /// The hash of the login session, to which `online_access` is bound.
    pub session: Option<Vec<u8>>,
    /// When it stops to hold, in milliseconds since the epoch.
    pub expires_ms: i64,
}

/// A fresh code: its text goes to the client, the rest into the store.
#[derive(Debug, Clone)]
pub struct NewCode {
    /// The handle.
    pub handle: Handle,
    /// What is stored.
    pub record: CodeRecord,
    /// When it was made.
    pub created: Instant,
    /// When it stops to hold.
    pub expires: Instant,
}
