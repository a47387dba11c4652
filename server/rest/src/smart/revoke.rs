//! `POST /auth/revoke`. <https://www.rfc-editor.org/rfc/rfc7009>

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use smart::{Credentials, RevocationRequest};
use store::audit::AuditOutcome;

use super::form::{self, Form};
use super::oauth::{self, Refusal};
use super::state::State;
use super::{audit, client_auth};
use crate::weir::Weir;

/// The endpoint: an unknown token and another client's are answered like a revoked one.
pub(super) async fn revoke(
    http: HttpRequest,
    weir: web::Data<Weir>,
    state: web::Data<State>,
    payload: web::Payload,
) -> HttpResponse {
    match perform(&http, &weir, &state, payload).await {
        Ok(()) => oauth::json(StatusCode::OK, &serde_json::json!({})),
        Err(refusal) => refusal.respond(),
    }
}

async fn perform(http: &HttpRequest, weir: &Weir, state: &State, payload: web::Payload) -> Result<(), Refusal> {
    let form = Form::read(http, weir, payload).await?;
    let credentials = Credentials::parse(&form.0, form::text(http.headers(), header::AUTHORIZATION))?;
    let client = client_auth::admit(weir, state, &credentials).await?;
    let request = RevocationRequest::parse(&form.0)?;
    let client_id = &client.client().client_id;
    let hash = smart::handle_hash(&request.token);
    let was_there = weir.store.control().revoke_token(&hash, client_id, weir.now()).await?;
    let mut record = audit::record(weir, http, "Revoke", AuditOutcome::Success);
    record.client_id = Some(client_id.clone());
    record.detail = Some(serde_json::json!({"was_there": was_there}));
    audit::append(weir, record).await?;
    Ok(())
}
