//! The login page and `POST /auth/login`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::html;
use smart::{Handle, NewSession};
use store::audit::AuditOutcome;
use store::control::{Session, User};

use super::authorize::Asked;
use super::form::Form;
use super::page::{Halt, Page, see_other};
use super::state::State;
use super::{audit, cookie};
use crate::failure::{Failure, Reason};
use crate::weir::Weir;

/// A login form may stay open for an hour.
const LOGIN_COOKIE_S: u64 = 60 * 60;

/// The same for an unknown name, a wrong password and a locked login, so that nobody learns which names exist.
const REFUSED: &str = "The user name or the password is not right. After several wrong passwords a login is locked for a \
                       while: then wait, and try again later.";

/// The login page; `error` says why it comes again.
pub(super) fn page(weir: &Weir, http: &HttpRequest, asked: &Asked, error: Option<&str>) -> HttpResponse {
    let kept = cookie::value(http, cookie::LOGIN);
    let handle = kept.unwrap_or_else(|| Handle::new((weir.random)()).text().to_owned());
    let content = html! {
        @if let Some(error) = error { p class="error" role="alert" { (error) } }
        p { "Log in to connect " strong { (asked.client.name) } "." }
        form method="post" action="/auth/login" {
            input type="hidden" name="csrf" value=(smart::csrf_token(&handle));
            input type="hidden" name="request" value=(asked.query());
            p {
                label for="username" { "User name" }
                input type="text" id="username" name="username" autocomplete="username" autocapitalize="none" required;
            }
            p {
                label for="password" { "Password" }
                input type="password" id="password" name="password" autocomplete="current-password" required;
            }
            button type="submit" { "Log in" }
        }
    };
    let status = if error.is_some() { Reason::Denied.status() } else { StatusCode::OK };
    let mut response = Page { title: "Log in", content, redirect_uri: asked.redirect_uri(), status }.respond(weir);
    if let Err(error) = response.add_cookie(&cookie::make(weir, cookie::LOGIN, &handle, LOGIN_COOKIE_S)) {
        tracing::error!(%error, "the login cookie cannot be set");
    }
    response
}

/// The endpoint.
pub(super) async fn login(
    http: HttpRequest,
    weir: web::Data<Weir>,
    state: web::Data<State>,
    payload: web::Payload,
) -> HttpResponse {
    attempt(&http, &weir, &state, payload).await.unwrap_or_else(|halt| halt.respond(&weir))
}

async fn attempt(http: &HttpRequest, weir: &Weir, state: &State, payload: web::Payload) -> Result<HttpResponse, Halt> {
    let form = Form::read(http, weir, payload).await?;
    form.check_sent_by_us(http, weir, cookie::value(http, cookie::LOGIN).as_deref())?;
    let asked = Asked::check(weir, form.request()).await?;
    let checked = check_password(weir, state, form.text("username"), form.text("password")).await?;
    let (outcome, reason) = match &checked {
        Checked::Right(_) => (AuditOutcome::Success, None),
        Checked::Wrong(_) => (AuditOutcome::Denied, Some("wrong-password")),
        Checked::Locked(_) => (AuditOutcome::Denied, Some("locked")),
        // The name is not recorded: people type passwords there by mistake.
        Checked::Unknown => (AuditOutcome::Denied, Some("unknown-user")),
    };
    let mut record = audit::record(weir, http, "Login", outcome);
    record.client_id = Some(asked.client.client_id.clone());
    record.detail = reason.map(|rule| serde_json::json!({"rule": rule}));
    if let Checked::Right(user) | Checked::Wrong(user) | Checked::Locked(user) = &checked {
        record.user = Some(user.name.clone());
    }
    audit::append(weir, record).await?;
    let Checked::Right(user) = checked else {
        return Ok(page(weir, http, &asked, Some(REFUSED)));
    };
    weir.store.control().clear_failed_logins(&user.name).await?;
    let server = weir.smart_server();
    let new = NewSession::new(&user.name, (weir.random)(), &server, weir.now());
    let session = Session {
        hash: new.handle.hash().to_vec(),
        user: new.session.user,
        created: new.session.created,
        expires: new.session.expires,
    };
    weir.store.control().put_session(&session).await?;
    let cookie = cookie::make(weir, cookie::SESSION, new.handle.text(), server.lives.session_s);
    Ok(see_other(&asked.location()).cookie(cookie).finish())
}

enum Checked {
    Right(User),
    Wrong(User),
    Locked(User),
    Unknown,
}

/// Checks a password. Whether there is such a login or not, it takes as long.
async fn check_password(weir: &Weir, state: &State, name: &str, password: &str) -> Result<Checked, Failure> {
    // The user is read inside the gate, so that parallel guesses see each other's failures.
    let _permit = state.password_checks.acquire().await.map_err(|_| Failure::internal())?;
    let control = weir.store.control();
    let user = control.user(name).await?.filter(|user| user.is_active);
    let is_open = user.as_ref().is_some_and(|user| smart::is_login_allowed(user.locked_until, weir.now()));
    let stored = user.as_ref().filter(|_| is_open).map(|user| user.password_hash.clone());
    let password = password.to_owned();
    let is_right = web::block(move || smart::verify_password(&password, stored.as_deref())).await;
    let is_right = is_right.map_err(|_| Failure::internal())?;
    let Some(user) = user else { return Ok(Checked::Unknown) };
    if !is_open {
        return Ok(Checked::Locked(user));
    }
    if is_right {
        return Ok(Checked::Right(user));
    }
    let now = weir.now();
    let lock_after = (1..=u32::from(u8::MAX)).find(|failures| smart::locked_until(*failures, now).is_some());
    if let Some(lock_after) = lock_after {
        let failures = user.failed_attempts.saturating_add(1).max(lock_after);
        let until = smart::locked_until(failures, now).unwrap_or(now);
        control.record_failed_login(&user.name, lock_after, until).await?;
    }
    Ok(Checked::Wrong(user))
}
