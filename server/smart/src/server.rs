//! What the protocol needs to know of the server: its own URLs, from configuration and never from the Host header.

use fhir::Instant;

/// How long things live, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lives {
    /// An access token of an app.
    pub access_token_s: u64,
    /// An access token of a backend service.
    pub backend_token_s: u64,
    /// A refresh token, from each rotation on.
    pub refresh_token_s: u64,
    /// An authorization code.
    pub code_s: u64,
    /// A login session.
    pub session_s: u64,
}

/// A launch holds for as long as an app takes to start.
pub(crate) const LAUNCH_S: u64 = 5 * 60;

impl Default for Lives {
    /// One minute for a code, an hour for an app's access token and five minutes for a backend's: SMART App Launch 2.2.
    fn default() -> Lives {
        const HOUR_S: u64 = 60 * 60;
        Lives {
            access_token_s: HOUR_S,
            backend_token_s: 5 * 60,
            refresh_token_s: 90 * 24 * HOUR_S,
            code_s: 60,
            session_s: 8 * HOUR_S,
        }
    }
}

/// Returns the time a life later.
pub(crate) fn after(now: Instant, life_s: u64) -> Instant {
    Instant(now.0.saturating_add(i64::try_from(life_s.saturating_mul(1000)).unwrap_or(i64::MAX)))
}

/// The server's public identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The FHIR base URL: the audience of every token.
    pub fhir_base: String,
    /// The authorization endpoint.
    pub authorize_url: String,
    /// The token endpoint: the audience of every client assertion.
    pub token_url: String,
    /// The introspection endpoint, if there is one.
    pub introspect_url: Option<String>,
    /// The revocation endpoint, if there is one.
    pub revoke_url: Option<String>,
    /// The page where people withdraw what they granted, if there is one.
    pub management_url: Option<String>,
    /// Whether apps can be launched from here or from a clinical system.
    pub offers_ehr_launch: bool,
    /// How long things live.
    pub lives: Lives,
}

impl Server {
    /// Makes a server with the endpoints under one `auth` path.
    pub fn new(fhir_base: &str, auth_base: &str) -> Server {
        let auth_base = auth_base.trim_end_matches('/');
        Server {
            fhir_base: fhir_base.trim_end_matches('/').to_owned(),
            authorize_url: format!("{auth_base}/authorize"),
            token_url: format!("{auth_base}/token"),
            introspect_url: Some(format!("{auth_base}/introspect")),
            revoke_url: Some(format!("{auth_base}/revoke")),
            management_url: None,
            offers_ehr_launch: true,
            lives: Lives::default(),
        }
    }

    /// Says whether an `aud` means this server; only a slash at the end may differ.
    pub(crate) fn is_audience(&self, aud: &str) -> bool {
        aud.strip_suffix('/').unwrap_or(aud) == self.fhir_base.trim_end_matches('/')
    }
}
