//! What the protocol needs to know of the server: its own URLs, from configuration and never from the Host header.

/// How long things live, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// An authorization code.
    pub code_ms: i64,
    /// An access token of an app.
    pub access_ms: i64,
    /// An access token of a backend service.
    pub backend_access_ms: i64,
    /// A refresh token, from each rotation on.
    pub refresh_ms: i64,
    /// An EHR launch.
    pub launch_ms: i64,
    /// A login session.
    pub session_ms: i64,
}

impl Default for Lifetimes {
    /// One minute for a code, an hour for an app's access token and five minutes for a backend's: SMART App Launch 2.2.
    fn default() -> Lifetimes {
        const MINUTE_MS: i64 = 60_000;
        Lifetimes {
            code_ms: MINUTE_MS,
            access_ms: 60 * MINUTE_MS,
            backend_access_ms: 5 * MINUTE_MS,
            refresh_ms: 90 * 24 * 60 * MINUTE_MS,
            launch_ms: 5 * MINUTE_MS,
            session_ms: 8 * 60 * MINUTE_MS,
        }
    }
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
    pub lifetimes: Lifetimes,
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
            lifetimes: Lifetimes::default(),
        }
    }

    /// Says whether an `aud` means this server; only a slash at the end may differ.
    pub(crate) fn is_audience(&self, aud: &str) -> bool {
        aud.strip_suffix('/').unwrap_or(aud) == self.fhir_base.trim_end_matches('/')
    }
}
