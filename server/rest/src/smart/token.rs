//! `POST /auth/token`: a code, a refresh token or a client's own proof for an access token.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use fhir::Instant;
use smart::{
    AuthenticatedClient, CodeRecord, Issuance, Issued, OAuthError, OAuthErrorCode, Server, TokenGrant, TokenRandomness,
    TokenRequest,
};
use store::audit::AuditOutcome;
use store::control::{CodeUse, RefreshUse};

use super::form::{self, Form};
use super::oauth::{self, Refusal};
use super::state::State;
use super::{audit, client_auth, stored_token};
use crate::failure::Failure;
use crate::weir::Weir;

/// The endpoint.
pub(super) async fn token(
    http: HttpRequest,
    weir: web::Data<Weir>,
    state: web::Data<State>,
    payload: web::Payload,
) -> HttpResponse {
    let mut asked = None;
    let result = issue(&http, &weir, &state, payload, &mut asked).await;
    match record(&http, &weir, asked.as_ref(), &result).await {
        Err(failure) => Refusal::from(failure).respond(),
        Ok(()) => match result {
            Ok(issued) => oauth::json(StatusCode::OK, &issued.response()),
            Err(refusal) => refusal.respond(),
        },
    }
}

/// Issues and stores; `asked` is what could be read, for the audit record.
async fn issue(
    http: &HttpRequest,
    weir: &Weir,
    state: &State,
    payload: web::Payload,
    asked: &mut Option<TokenRequest>,
) -> Result<Issued, Refusal> {
    let form = Form::read(http, weir, payload).await?;
    let request = TokenRequest::parse(&form.0, form::text(http.headers(), header::AUTHORIZATION))?;
    let request = asked.insert(request);
    let client = client_auth::admit(weir, state, &request.credentials).await?;
    let (server, now) = (weir.smart_server(), weir.now());
    let random = TokenRandomness { access: (weir.random)(), refresh: (weir.random)() };
    let with = Issuance { server: &server, now, random: &random };
    let issued = match &request.grant {
        TokenGrant::AuthorizationCode { code, redirect_uri, verifier } => {
            let record = use_code(weir, code, with).await?;
            smart::exchange_code(redirect_uri, verifier, &client, &record, with)?
        }
        TokenGrant::RefreshToken { token, scope } => refresh(weir, token, scope.as_deref(), &client, with).await?,
        TokenGrant::ClientCredentials { scope } => smart::client_credentials(scope, &client, with)?,
    };
    let tokens = issued.records().into_iter().map(stored_token::stored).collect::<Result<Vec<_>, _>>()?;
    weir.store.control().put_tokens(&tokens).await?;
    Ok(issued)
}

/// Uses up a code. One that comes a second time may have been stolen: whatever it gave is revoked.
async fn use_code(weir: &Weir, code: &str, with: Issuance<'_>) -> Result<CodeRecord, Refusal> {
    let control = weir.store.control();
    match control.use_code(&smart::handle_hash(code), with.now).await? {
        CodeUse::Taken(code) => serde_json::from_str(&code.data).map_err(|error| {
            tracing::error!(%error, "a stored code cannot be read");
            Failure::internal().into()
        }),
        CodeUse::Replayed(code) => {
            control.revoke_family(&code.family, with.now, longest_life(with.server, with.now)).await?;
            Err(bad_grant("the code was used before; all that it gave is revoked"))
        }
        CodeUse::Unknown => Err(bad_grant("the code is not known or has expired")),
    }
}

async fn refresh(
    weir: &Weir,
    token: &str,
    scope: Option<&str>,
    client: &AuthenticatedClient,
    with: Issuance<'_>,
) -> Result<Issued, Refusal> {
    let control = weir.store.control();
    let hash = smart::handle_hash(token);
    let issued = match control.refresh_token(&hash, with.now).await? {
        Some(live) => Some(smart::refresh(scope, client, &stored_token::record(live)?, with)?),
        None => None,
    };
    match (control.use_refresh_token(&hash, &client.client().client_id, with.now).await?, issued) {
        (RefreshUse::Taken(_), Some(issued)) => Ok(issued),
        (RefreshUse::Replayed(used), _) => {
            if let Some(family) = &used.family {
                control.revoke_family(family, with.now, longest_life(with.server, with.now)).await?;
            }
            Err(bad_grant("the refresh token was used before; the whole grant is revoked"))
        }
        _ => Err(bad_grant("the refresh token is not known or has expired")),
    }
}

/// When the last token of a family can have expired.
fn longest_life(server: &Server, now: Instant) -> Instant {
    let life_s = server.lives.refresh_token_s.max(server.lives.access_token_s);
    Instant(now.0.saturating_add(i64::try_from(life_s.saturating_mul(1000)).unwrap_or(i64::MAX)))
}

fn bad_grant(description: &str) -> Refusal {
    OAuthError::new(OAuthErrorCode::InvalidGrant, description).into()
}

/// The audit record of a token given or refused, durable before the answer leaves.
async fn record(
    http: &HttpRequest,
    weir: &Weir,
    asked: Option<&TokenRequest>,
    result: &Result<Issued, Refusal>,
) -> Result<(), Failure> {
    let outcome = match result {
        Ok(_) => AuditOutcome::Success,
        Err(Refusal::Protocol(_)) => AuditOutcome::Denied,
        Err(Refusal::Failure(_)) => AuditOutcome::Failure,
    };
    let mut record = audit::record(weir, http, "Token", outcome);
    let kind = asked.map(|asked| format!("{:?}", asked.grant));
    match result {
        Ok(issued) => {
            let token = &issued.access.record;
            record.client_id = Some(token.client_id.clone());
            record.user.clone_from(&token.user);
            record.purpose = Some(token.purpose.to_string());
            record.patients.extend(token.context.patient.clone());
            record.detail = Some(serde_json::json!({"grant": kind, "scopes": token.scopes}));
        }
        Err(refusal) => {
            // Whoever fails to authenticate may claim any id, of any length and kind: only a known one is recorded.
            if let Some(asked) = asked {
                let claimed = weir.store.control().client(asked.credentials.client_id()).await?;
                record.client_id = claimed.map(|client| client.client_id);
            }
            record.detail = Some(serde_json::json!({"grant": kind, "rule": refusal.error().code.as_str()}));
        }
    }
    audit::append(weir, record).await
}
