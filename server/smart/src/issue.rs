//! Issuing tokens: for a code, for a refresh token, to a backend service.
//!
//! Everything is checked again at the exchange, against the client as it is registered now: a scope that was taken from the client
//! after a grant is not in the next token.

use crate::client::{Authentication, Client};
use crate::client_auth::AuthenticatedClient;
use crate::code::CodeRecord;
use crate::context::LaunchContext;
use crate::error::{OAuthError, OAuthErrorCode};
use crate::handle::Handle;
use crate::pkce;
use crate::server::{Server, after};
use crate::token::{TokenKind, TokenRecord};
use fhir::Instant;
use policy::{Context, Purpose, Scope, ScopeKind, Scopes};
use serde_json::{Map, Value, json};

/// Fresh randomness for one issue.
#[derive(Clone)]
pub struct TokenRandomness {
    /// For the access token.
    pub access: [u8; 32],
    /// For the refresh token.
    pub refresh: [u8; 32],
}

/// With what tokens are issued.
#[derive(Clone, Copy)]
pub struct Issuance<'a> {
    /// The server.
    pub server: &'a Server,
    /// The time.
    pub now: Instant,
    /// Fresh randomness, for this issue only.
    pub random: &'a TokenRandomness,
}

/// A fresh token: its text goes to the client, its record into the store.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The handle.
    pub handle: Handle,
    /// What is stored.
    pub record: TokenRecord,
}

/// What an issue gives. Store the tokens before sending the response, with `Cache-Control: no-store` and `Pragma: no-cache`.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The access token.
    pub access: NewToken,
    /// The refresh token, if offline or online access was granted.
    pub refresh: Option<NewToken>,
    scope: String,
    expires_in: u64,
}

impl Issued {
    /// Returns the JSON body of the token response.
    pub fn response(&self) -> Value {
        let mut answer = Map::new();
        answer.insert("access_token".to_owned(), json!(self.access.handle.text()));
        answer.insert("token_type".to_owned(), json!("Bearer"));
        answer.insert("expires_in".to_owned(), json!(self.expires_in));
        answer.insert("scope".to_owned(), json!(self.scope));
        if let Some(refresh) = &self.refresh {
            answer.insert("refresh_token".to_owned(), json!(refresh.handle.text()));
        }
        self.access.record.context.write_to(&mut answer);
        Value::Object(answer)
    }

    /// Returns the records of all tokens, to be stored together.
    pub fn records(&self) -> Vec<&TokenRecord> {
        std::iter::once(&self.access).chain(&self.refresh).map(|token| &token.record).collect()
    }
}

/// Exchanges a code. The caller has used up the code in the store; one that came a second time is not exchanged, but its family revoked.
pub fn exchange_code(
    redirect_uri: &str,
    verifier: &str,
    client: &AuthenticatedClient,
    record: &CodeRecord,
    with: Issuance<'_>,
) -> Result<Issued, OAuthError> {
    let client = client.client();
    if record.client_id != client.client_id {
        return Err(OAuthError::grant("the code is not known"));
    }
    if with.now.0 >= record.expires_ms {
        return Err(OAuthError::grant("the code has expired"));
    }
    if record.redirect_uri != redirect_uri {
        return Err(OAuthError::grant("`redirect_uri` differs from that of the authorization request"));
    }
    if !with.server.is_audience(&record.aud) {
        return Err(OAuthError::grant("the code was given for another server"));
    }
    if !pkce::is_verified(verifier, &record.challenge) {
        return Err(OAuthError::grant("`code_verifier` does not belong to the challenge"));
    }
    let grant = Authorization {
        family: Some(record.family.clone()),
        user: Some(record.user.clone()),
        scopes: still_allowed(client, &Scopes::read(&record.scopes).0)?,
        context: record.context.clone(),
        session: record.session.clone(),
    };
    Ok(grant.issue(client, with.server.lives.access_token_s, with))
}

/// Exchanges a refresh token, which the caller uses up in the store after this check and before storing the new ones: each holds once,
/// and one that comes a second time revokes its family.
pub fn refresh(
    scope: Option<&str>,
    client: &AuthenticatedClient,
    record: &TokenRecord,
    with: Issuance<'_>,
) -> Result<Issued, OAuthError> {
    let client = client.client();
    if record.kind != TokenKind::Refresh || record.client_id != client.client_id || !record.is_live(with.now) {
        return Err(OAuthError::grant("the refresh token is not known or has expired"));
    }
    if record.purpose != client.purpose {
        return Err(OAuthError::grant("the purpose of the client has changed since"));
    }
    let before = Scopes::read(&record.scopes).0;
    let scopes = match scope {
        None => before.clone(),
        Some(text) => less(text, &before)?,
    };
    let grant = Authorization {
        family: record.family.clone(),
        user: record.user.clone(),
        scopes: still_allowed(client, &scopes)?,
        context: record.context.clone(),
        session: record.session.clone(),
    };
    let mut issued = grant.issue(client, with.server.lives.access_token_s, with);
    // A narrower access token does not narrow the refresh token (RFC 6749 section 6).
    let handle = Handle::new(with.random.refresh);
    let expires = after(with.now, with.server.lives.refresh_token_s);
    let renewed = TokenRecord { hash: handle.hash(), created: with.now, expires, ..record.clone() };
    issued.refresh = Some(NewToken { handle, record: renewed });
    Ok(issued)
}

/// Issues a token to a backend service: by assertion only, for `system/`, feed and administrator scopes only, without a refresh token.
pub fn client_credentials(scope: &str, client: &AuthenticatedClient, with: Issuance<'_>) -> Result<Issued, OAuthError> {
    let client = client.client();
    if !matches!(client.authentication, Authentication::Asymmetric(_)) {
        let description = "client_credentials needs a client that authenticates by private_key_jwt";
        return Err(OAuthError::new(OAuthErrorCode::UnauthorizedClient, description));
    }
    let (requested, _) = Scopes::read(scope);
    if let Some(scope) = requested.first_filtered() {
        return Err(OAuthError::scope(format!("scope `{}` has a filter, which is not supported yet", scope.text())));
    }
    let requested = with_own_feeds(&requested, client);
    let mut scopes = Scopes::default();
    for scope in client.scopes.narrow(&requested).granted.iter() {
        let is_backend = match scope.kind() {
            ScopeKind::Resource(resource) => resource.context == Context::System,
            ScopeKind::Feed(_) => client.purpose == Purpose::DirectCare,
            ScopeKind::Administrator => client.purpose != Purpose::SecondaryUse,
            _ => false,
        };
        if is_backend {
            scopes.push(scope.clone());
        }
    }
    if scopes.is_empty() {
        return Err(OAuthError::scope("none of the scopes may be granted to this client as a backend service"));
    }
    let grant = Authorization { family: None, user: None, scopes, context: LaunchContext::default(), session: None };
    Ok(grant.issue(client, with.server.lives.backend_token_s, with))
}

/// Reads `weir/feed.*` as those feeds that the client has, as `system/*` gives the types that it has.
fn with_own_feeds(requested: &Scopes, client: &Client) -> Scopes {
    let (all, mut scopes): (Vec<Scope>, Vec<Scope>) =
        requested.iter().cloned().partition(|scope| *scope.kind() == ScopeKind::Feed(None));
    if !all.is_empty() {
        scopes.extend(client.scopes.iter().filter(|own| matches!(own.kind(), ScopeKind::Feed(_))).cloned());
    }
    scopes.into_iter().collect()
}

/// Keeps what the client may still have.
fn still_allowed(client: &Client, scopes: &Scopes) -> Result<Scopes, OAuthError> {
    if client.purpose != Purpose::DirectCare {
        return Err(OAuthError::grant("the client may not act for a person"));
    }
    let granted = client.scopes.narrow(scopes).granted;
    if granted.is_empty() {
        return Err(OAuthError::scope("none of the scopes may be granted to this client any more"));
    }
    Ok(granted)
}

/// Reads a narrower scope of a refresh: never more than before, in the same spelling.
fn less(text: &str, before: &Scopes) -> Result<Scopes, OAuthError> {
    let (requested, unknown) = Scopes::read(text);
    let narrowed = before.narrow(&requested);
    if !unknown.is_empty() || !narrowed.refused.is_empty() || requested.is_empty() {
        return Err(OAuthError::scope("a refresh may not ask for more than was granted"));
    }
    Ok(requested)
}

/// What was authorized, once.
struct Authorization {
    family: Option<String>,
    user: Option<String>,
    scopes: Scopes,
    context: LaunchContext,
    session: Option<Vec<u8>>,
}

impl Authorization {
    fn issue(self, client: &Client, life_s: u64, with: Issuance<'_>) -> Issued {
        let is_offline = self.scopes.iter().any(|scope| *scope.kind() == ScopeKind::OfflineAccess);
        let is_online = self.scopes.iter().any(|scope| *scope.kind() == ScopeKind::OnlineAccess);
        let scope = self.scopes.to_string();
        let session = if is_offline { None } else { self.session };
        let handle = Handle::new(with.random.access);
        let access = TokenRecord {
            hash: handle.hash(),
            kind: TokenKind::Access,
            family: self.family,
            client_id: client.client_id.clone(),
            user: self.user,
            scopes: scope.clone(),
            purpose: client.purpose,
            session: if is_online { session.clone() } else { None },
            context: self.context,
            created: with.now,
            expires: after(with.now, life_s),
        };
        let can_refresh = access.user.is_some() && (is_offline || (is_online && session.is_some()));
        let refresh = can_refresh.then(|| {
            let handle = Handle::new(with.random.refresh);
            let expires = after(with.now, with.server.lives.refresh_token_s);
            let hash = handle.hash();
            NewToken {
                handle,
                record: TokenRecord { hash, kind: TokenKind::Refresh, expires, session, ..access.clone() },
            }
        });
        Issued { access: NewToken { handle, record: access }, refresh, scope, expires_in: life_s }
    }
}
