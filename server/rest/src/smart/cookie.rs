//! The two cookies of the pages: a login session, and before it a random value that guards the login form.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite, time::Duration};

use crate::weir::Weir;

/// Name of the cookie of a login session.
pub(super) const SESSION: &str = "weir_session";
/// Name of the cookie that belongs to a login form.
pub(super) const LOGIN: &str = "weir_login";
const PATH: &str = "/auth";

/// The value of a cookie of the request.
pub(super) fn value(http: &HttpRequest, name: &str) -> Option<String> {
    http.cookie(name).map(|cookie| cookie.value().to_owned()).filter(|value| !value.is_empty())
}

/// A cookie that no script reads and no other site sends with a form.
pub(super) fn make(weir: &Weir, name: &'static str, value: &str, life_s: u64) -> Cookie<'static> {
    Cookie::build(name, value.to_owned())
        .path(PATH)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(weir.settings.origin.starts_with("https://"))
        .max_age(Duration::seconds(i64::try_from(life_s).unwrap_or(i64::MAX)))
        .finish()
}
