//! `POST /auth/introspect`. <https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html>

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use smart::{AuthenticatedClient, Credentials, IntrospectionRequest, OAuthError, OAuthErrorCode, TokenRecord};
use store::audit::AuditOutcome;

use super::client::active_client;
use super::form::{self, Form};
use super::oauth::{self, Refusal};
use super::state::State;
use super::{audit, client_auth, stored_token};
use crate::weir::Weir;

/// The endpoint.
pub(super) async fn introspect(
    http: HttpRequest,
    weir: web::Data<Weir>,
    state: web::Data<State>,
    payload: web::Payload,
) -> HttpResponse {
    match answer(&http, &weir, &state, payload).await {
        Ok(body) => oauth::json(StatusCode::OK, &body),
        Err(refusal) => refusal.respond(),
    }
}

async fn answer(http: &HttpRequest, weir: &Weir, state: &State, payload: web::Payload) -> Result<Value, Refusal> {
    let form = Form::read(http, weir, payload).await?;
    let asker = asker(http, weir, state, &form).await?;
    let request = IntrospectionRequest::parse(&form.0)?;
    let record = find(weir, &request.token).await?;
    let body = smart::introspect(record.as_ref(), &asker, weir.now());
    let mut entry = audit::record(weir, http, "Introspect", AuditOutcome::Success);
    entry.client_id = Some(asker.client().client_id.clone());
    audit::append(weir, entry).await?;
    Ok(body)
}

/// Who asks: a client by its own proof, or by an access token of its own.
async fn asker(http: &HttpRequest, weir: &Weir, state: &State, form: &Form) -> Result<AuthenticatedClient, Refusal> {
    let authorization = form::text(http.headers(), header::AUTHORIZATION);
    let bearer = authorization.and_then(|text| text.split_once(' ')).filter(|(s, _)| s.eq_ignore_ascii_case("bearer"));
    let Some((_, bearer)) = bearer else {
        let credentials = Credentials::parse(&form.0, authorization)?;
        return client_auth::admit(weir, state, &credentials).await;
    };
    let unknown = || OAuthError::new(OAuthErrorCode::InvalidClient, "the access token is unknown, expired or revoked");
    let record = find(weir, bearer.trim()).await?.ok_or_else(unknown)?;
    let client = active_client(weir, &record.client_id).await?.ok_or_else(unknown)?;
    Ok(AuthenticatedClient::by_token(client, &record, weir.now()).ok_or_else(unknown)?)
}

/// A live token of either kind.
async fn find(weir: &Weir, token: &str) -> Result<Option<TokenRecord>, Refusal> {
    let (control, hash, now) = (weir.store.control(), smart::handle_hash(token), weir.now());
    let token = match control.access_token(&hash, now).await? {
        Some(token) => Some(token),
        None => control.refresh_token(&hash, now).await?,
    };
    Ok(token.map(stored_token::record).transpose()?)
}
