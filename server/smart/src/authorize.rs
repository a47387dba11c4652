//! The authorization request, in two stages: until the client and its redirect URI are known to be right an error is shown on a
//! page and nothing is redirected anywhere (RFC 6749 section 4.1.2.1); after that errors go to the client with its state.

use crate::client::Client;
use crate::code::{CodeRecord, NewCode};
use crate::context::LaunchContext;
use crate::error::{OAuthError, OAuthErrorCode};
use crate::handle::Handle;
use crate::params::Params;
use crate::pkce;
use crate::server::{Server, after};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::Instant;
use policy::{Context, Purpose, Scope, ScopeKind, Scopes};

/// Where an error goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizeError {
    /// On a page of our own, never to the client.
    Page(OAuthError),
    /// To the client.
    Redirect {
        /// The whole URL to redirect to.
        location: String,
        /// The error, for the log.
        error: OAuthError,
    },
}

/// A checked request, ready for login and consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeRequest {
    client_id: String,
    redirect_uri: String,
    state: String,
    challenge: String,
    aud: String,
    launch: Option<String>,
    offered: Scopes,
    refused: Vec<String>,
}

/// The person at the consent page, with what they may pass on to an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// The login.
    pub user: String,
    /// Whether the person is a patient, or speaks for one, rather than staff.
    pub is_patient: bool,
    /// The logical ids of the patients whom the person may pick; none for staff means any.
    pub patient_ids: Vec<String>,
    /// The hash of the login session.
    pub session: Option<Vec<u8>>,
}

impl LoggedIn {
    /// Says whether the person may pass on the record of a patient.
    pub fn may_pick(&self, patient: &str) -> bool {
        self.may_pick_any() || self.patient_ids.iter().any(|id| id == patient)
    }

    /// Says whether the person may pass on any record, and so `user/` scopes, which are not bound to one patient.
    pub fn may_pick_any(&self) -> bool {
        !self.is_patient && self.patient_ids.is_empty()
    }
}

/// What a person decided on the consent page.
#[derive(Debug, Clone)]
pub struct Approval {
    /// Who agreed.
    pub login: LoggedIn,
    /// The scopes that were left ticked, spelled as they were offered.
    pub scopes: Vec<String>,
    /// The context: of the launch, or as the person picked it.
    pub context: LaunchContext,
}

/// Fresh randomness for one code.
#[derive(Clone)]
pub struct CodeRandomness {
    /// For the code.
    pub code: [u8; 32],
    /// For the name of the family of tokens.
    pub family: [u8; 16],
}

/// Returns the client of a request, to look it up.
pub fn requested_client_id(params: &[(String, String)]) -> Option<&str> {
    Params(params).optional("client_id").ok().flatten()
}

/// Checks an authorization request of the client that [`requested_client_id`] names, if it is registered.
pub fn authorize(
    params: &[(String, String)],
    client: Option<&Client>,
    server: &Server,
) -> Result<AuthorizeRequest, AuthorizeError> {
    let params = Params(params);
    let (client, redirect_uri) = recipient(&params, client).map_err(AuthorizeError::Page)?;
    let state = params.optional("state").ok().flatten().unwrap_or_default();
    check(&params, client, server)
        .map_err(|error| AuthorizeError::Redirect { location: error_location(redirect_uri, state, &error), error })
}

fn recipient<'a, 'c>(params: &Params<'a>, client: Option<&'c Client>) -> Result<(&'c Client, &'a str), OAuthError> {
    let client_id = params.required("client_id")?;
    let redirect_uri = params.required("redirect_uri")?;
    let client = client.filter(|client| client.client_id == client_id);
    let client = client.ok_or_else(|| OAuthError::request("the app is not registered here"))?;
    if client.redirect_uris.iter().any(|known| known == redirect_uri) {
        return Ok((client, redirect_uri));
    }
    Err(OAuthError::request("the address to return to is not one that the app registered"))
}

fn check(params: &Params<'_>, client: &Client, server: &Server) -> Result<AuthorizeRequest, OAuthError> {
    let state = params.required("state")?;
    if params.required("response_type")? != "code" {
        return Err(OAuthError::new(OAuthErrorCode::UnsupportedResponseType, "the response type must be `code`"));
    }
    if client.purpose != Purpose::DirectCare {
        let description = format!("a client registered for {} may not act for a person", client.purpose);
        return Err(OAuthError::new(OAuthErrorCode::UnauthorizedClient, description));
    }
    let aud = match params.optional("aud")? {
        Some(aud) => aud,
        None => params.optional("resource")?.ok_or_else(|| OAuthError::request("parameter `aud` is missing"))?,
    };
    if !server.is_audience(aud) {
        return Err(OAuthError::request("`aud` is not the base URL of this server"));
    }
    let challenge =
        pkce::check_challenge(params.optional("code_challenge")?, params.optional("code_challenge_method")?)?;
    if params.optional("request")?.is_some() || params.optional("request_uri")?.is_some() {
        return Err(OAuthError::request("request objects are not supported"));
    }
    let (offered, refused) = offer(params.required("scope")?, client)?;
    Ok(AuthorizeRequest {
        client_id: client.client_id.clone(),
        redirect_uri: params.required("redirect_uri")?.to_owned(),
        state: state.to_owned(),
        challenge,
        aud: server.fhir_base.clone(),
        launch: params.optional("launch")?.map(str::to_owned),
        offered,
        refused,
    })
}

/// Narrows what is asked to what the client may have in an app launch: never `system/` scopes, and no filter that is not enforced.
fn offer(text: &str, client: &Client) -> Result<(Scopes, Vec<String>), OAuthError> {
    let (requested, mut refused) = Scopes::read(text);
    if let Some(scope) = requested.first_filtered() {
        return Err(OAuthError::scope(format!("scope `{}` has a filter, which is not supported yet", scope.text())));
    }
    let narrowed = client.scopes.narrow(&requested);
    refused.extend(narrowed.refused);
    let mut offered = Scopes::default();
    for scope in narrowed.granted.iter() {
        let is_app_scope = match scope.kind() {
            ScopeKind::Resource(resource) => resource.context != Context::System,
            ScopeKind::Launch(_) | ScopeKind::OfflineAccess | ScopeKind::OnlineAccess => true,
            ScopeKind::Identity | ScopeKind::Feed(_) | ScopeKind::Administrator => false,
        };
        if is_app_scope { offered.push(scope.clone()) } else { refused.push(scope.text().to_owned()) }
    }
    if offered.is_empty() {
        return Err(OAuthError::scope("none of the scopes may be granted to this app"));
    }
    Ok((offered, refused))
}

impl AuthorizeRequest {
    /// Returns the client.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the `launch` handle, which must be looked up for this client: an unknown one is an error, see [`Self::unknown_launch`].
    pub fn launch(&self) -> Option<&str> {
        self.launch.as_deref()
    }

    /// Returns the scopes that the client may be granted. The consent page shows those of [`Self::offered_to`].
    pub fn offered(&self) -> &Scopes {
        &self.offered
    }

    /// Returns the scopes that the person may grant: `user/` scopes reach whatever a user may see, so they are not for a patient
    /// nor for staff who are limited to some patients.
    pub fn offered_to(&self, login: &LoggedIn) -> Scopes {
        let is_user = |scope: &Scope| scope.as_resource().is_some_and(|resource| resource.context == Context::User);
        self.offered.iter().filter(|scope| login.may_pick_any() || !is_user(scope)).cloned().collect()
    }

    /// Returns what was asked for and cannot be granted, or not whole.
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// Says whether a patient must be picked when the launch gives none.
    pub fn needs_patient(&self) -> bool {
        self.offered.has_context(Context::Patient) || self.offered.has_text("launch/patient")
    }

    /// Returns where to send the person who said no.
    pub fn deny(&self) -> String {
        let error = OAuthError::new(OAuthErrorCode::AccessDenied, "the person did not agree");
        error_location(&self.redirect_uri, &self.state, &error)
    }

    /// Answers a `launch` that is unknown, expired, used or another client's. It never turns into a standalone launch.
    pub fn unknown_launch(&self) -> AuthorizeError {
        self.refuse(OAuthError::request("the launch is not known, has expired or was used"))
    }

    /// Makes the code for what was agreed to, and the URL that carries it. Store the code before redirecting.
    pub fn approve(
        &self,
        approval: Approval,
        random: &CodeRandomness,
        server: &Server,
        now: Instant,
    ) -> Result<(String, NewCode), AuthorizeError> {
        let scopes: Scopes = self
            .offered_to(&approval.login)
            .iter()
            .filter(|scope| approval.scopes.iter().any(|text| text == scope.text()))
            .cloned()
            .collect();
        if scopes.is_empty() {
            let error = OAuthError::new(OAuthErrorCode::AccessDenied, "the person did not agree to any scope");
            return Err(self.refuse(error));
        }
        if scopes.has_context(Context::Patient) && approval.context.patient.is_none() {
            return Err(self.refuse(OAuthError::request("`patient/` scopes need a patient, and none is in context")));
        }
        if approval.context.patient.as_ref().is_some_and(|patient| !approval.login.may_pick(patient)) {
            let error =
                OAuthError::new(OAuthErrorCode::AccessDenied, "the person may not pass on the record of that patient");
            return Err(self.refuse(error));
        }
        let handle = Handle::new(random.code);
        let expires = after(now, server.lives.code_s);
        let record = CodeRecord {
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            challenge: self.challenge.clone(),
            aud: self.aud.clone(),
            scopes: scopes.to_string(),
            user: approval.login.user,
            context: approval.context,
            family: URL_SAFE_NO_PAD.encode(random.family),
            session: approval.login.session,
            expires_ms: expires.0,
        };
        let location = with_query(&self.redirect_uri, &[("code", handle.text()), ("state", &self.state)]);
        Ok((location, NewCode { handle, record, created: now, expires }))
    }

    fn refuse(&self, error: OAuthError) -> AuthorizeError {
        AuthorizeError::Redirect { location: error_location(&self.redirect_uri, &self.state, &error), error }
    }
}

fn error_location(redirect_uri: &str, state: &str, error: &OAuthError) -> String {
    let mut pairs = vec![("error", error.code.as_str()), ("error_description", error.description.as_str())];
    if !state.is_empty() {
        pairs.push(("state", state));
    }
    with_query(redirect_uri, &pairs)
}

/// Adds parameters to a URI without touching what it holds: the client registered these very bytes.
pub(crate) fn with_query(uri: &str, pairs: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let separator = match uri.find('?') {
        None => "?",
        Some(_) if uri.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    format!("{uri}{separator}{query}")
}
