//! Forms: read whole, small, and only from our own pages where a person sends them.

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, web};

use super::page::Halt;
use crate::body;
use crate::failure::{Failure, Reason};
use crate::weir::Weir;

/// Longer than any request of the protocol.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// Names and values of a form, in order.
pub(super) struct Form(pub(super) Vec<(String, String)>);

impl Form {
    /// Reads a form body.
    pub(super) async fn read(http: &HttpRequest, weir: &Weir, payload: web::Payload) -> Result<Form, Failure> {
        let media_type = text(http.headers(), header::CONTENT_TYPE).and_then(|text| text.split(';').next());
        if !media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
            let message = "the body must be application/x-www-form-urlencoded";
            return Err(Failure::new(Reason::UnsupportedMediaType, "not-supported", message));
        }
        let bytes = body::read(payload, http.headers(), FORM_BYTES_MAX, weir.settings.limits.body_timeout).await?;
        Ok(Form(pairs(&bytes)))
    }

    /// The first value of that name; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Every value of that name.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// The authorization request that our pages carry along.
    pub(super) fn request(&self) -> Vec<(String, String)> {
        pairs(self.text("request").as_bytes())
    }

    /// Refuses a form that did not come from a page of ours: by its `Origin`, where the browser says it, and by the token of
    /// the cookie.
    pub(super) fn check_sent_by_us(&self, http: &HttpRequest, weir: &Weir, cookie: Option<&str>) -> Result<(), Halt> {
        let is_ours = text(http.headers(), header::ORIGIN).is_none_or(|origin| origin == weir.settings.origin);
        let has_token = cookie.is_some_and(|handle| smart::is_csrf_token(self.text("csrf"), handle));
        if is_ours && has_token {
            return Ok(());
        }
        Err(Halt::problem(
            Reason::Denied,
            "This page has expired",
            "The form was not sent from a page that is still open with us, or your browser does not keep cookies. Go back to \
             the app and start again.",
        ))
    }
}

/// Decodes a query or form.
pub(super) fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(bytes).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// Encodes a query or form.
pub(super) fn encoded(pairs: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The text of a header.
pub(super) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
