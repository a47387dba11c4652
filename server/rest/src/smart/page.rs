//! The frame of every page that a person sees: no script, no outside resource, never cached, never in a frame.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};
use smart::AuthorizeError;
use store::StoreError;

use crate::failure::{Failure, Reason};
use crate::weir::Weir;

/// Text and controls keep a contrast of at least 4.5 to 1 (WCAG 2.2 AA); the focus ring is visible on both backgrounds.
const STYLE: &str = "\
body{margin:0;background:#f0f4f5;color:#212b32;font:1.125rem/1.5 system-ui,sans-serif}\
header{background:#005eb8;color:#fff;padding:.75rem 1rem}\
main{max-width:40rem;margin:0 auto;padding:1rem}\
h1{font-size:1.75rem;line-height:1.2}\
label{font-weight:600}\
.box{display:flex;gap:.75rem;align-items:flex-start;padding:.5rem 0}\
.box label{font-weight:400}\
.box input{width:1.5rem;height:1.5rem;flex:none;margin:.1rem 0 0}\
input[type=text],input[type=password]{display:block;box-sizing:border-box;width:100%;max-width:24rem;padding:.5rem;\
border:2px solid #4c6272;font:inherit;background:#fff;color:#212b32}\
fieldset{border:1px solid #768692;margin:1rem 0;padding:.5rem 1rem}\
legend{font-weight:600}\
button{font:inherit;font-weight:600;padding:.6rem 1.2rem;margin:.5rem .5rem .5rem 0;border:2px solid #00401e;\
background:#007f3b;color:#fff;cursor:pointer}\
button.plain{background:#fff;color:#005eb8;border-color:#005eb8}\
:focus-visible{outline:4px solid #212b32;outline-offset:2px;box-shadow:0 0 0 4px #ffeb3b}\
.error{border-left:.4rem solid #d5281b;background:#fff;padding:.5rem 1rem}\
.hint{color:#425563;margin:.25rem 0}";

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// A page for people.
pub(super) struct Page<'a> {
    /// Title and heading.
    pub(super) title: &'a str,
    /// What is below the heading.
    pub(super) content: Markup,
    /// Where the app gets its answer: a browser follows a form's redirect only to where the page allows it.
    pub(super) redirect_uri: Option<&'a str>,
    /// The status.
    pub(super) status: StatusCode,
}

impl Page<'_> {
    /// Writes the page as HTTP.
    pub(super) fn respond(self, weir: &Weir) -> HttpResponse {
        let organisation = &weir.settings.organisation_name;
        let document = html! {
            (DOCTYPE)
            html lang="en-GB" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " - " (organisation) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header { (organisation) }
                    main {
                        h1 { (self.title) }
                        (self.content)
                    }
                }
            }
        };
        let style = STYLE_HASH.as_str();
        let form_action = self.redirect_uri.and_then(form_target).unwrap_or_default();
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action 'self' {form_action}; frame-ancestors 'none'; \
             base-uri 'none'"
        );
        HttpResponse::build(self.status)
            .insert_header((header::CONTENT_SECURITY_POLICY, policy))
            .insert_header((header::X_FRAME_OPTIONS, "DENY"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            // With `no-referrer` browsers send `Origin: null` with our own forms, and the check of it would be lost.
            .insert_header((header::REFERRER_POLICY, "same-origin"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .content_type("text/html; charset=utf-8")
            .body(document.into_string())
    }
}

/// A redirect URI as a source of a content security policy: its origin, or its scheme where it has none.
fn form_target(redirect_uri: &str) -> Option<String> {
    let url = url::Url::parse(redirect_uri).ok()?;
    // A source cannot name an IPv6 address.
    let has_ipv6_host = matches!(url.host(), Some(url::Host::Ipv6(_)));
    let target = match url.origin() {
        origin if origin.is_tuple() && !has_ipv6_host => origin.ascii_serialization(),
        _ => format!("{}:", url.scheme()),
    };
    let is_plain = target.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.:/_".contains(&byte));
    is_plain.then_some(target)
}

/// Why a page is not shown.
pub(super) enum Halt {
    /// Something that the person must read.
    Problem {
        /// The kind.
        reason: Reason,
        /// What is wrong.
        title: String,
        /// What to do.
        text: String,
    },
    /// The app is told.
    Redirect(String),
}

impl Halt {
    /// Something that the person must read.
    pub(super) fn problem(reason: Reason, title: &str, text: &str) -> Halt {
        Halt::Problem { reason, title: title.to_owned(), text: text.to_owned() }
    }

    /// Answers.
    pub(super) fn respond(self, weir: &Weir) -> HttpResponse {
        match self {
            Halt::Redirect(location) => see_other(&location).finish(),
            Halt::Problem { reason, title, text } => {
                let content = html! { p role="alert" class="error" { (text) } };
                Page { title: &title, content, redirect_uri: None, status: reason.status() }.respond(weir)
            }
        }
    }
}

impl From<AuthorizeError> for Halt {
    fn from(error: AuthorizeError) -> Halt {
        match error {
            AuthorizeError::Page(error) => {
                let text = format!(
                    "The app sent a request that cannot be answered: {}. Nothing was shared. Go back to the app and start \
                     again; if this page comes again, tell the people who run the app.",
                    error.description
                );
                Halt::problem(Reason::BadRequest, "The app cannot be connected", &text)
            }
            AuthorizeError::Redirect { location, error } => {
                tracing::info!(error = error.code.as_str(), "an authorization was refused");
                Halt::Redirect(location)
            }
        }
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Halt {
        let text = match failure.reason {
            Reason::TooLarge | Reason::Timeout | Reason::UnsupportedMediaType | Reason::BadRequest => {
                "The request cannot be read. Go back to the app and start again."
            }
            _ => "This is our fault, and nothing was shared. Wait a moment, go back to the app and start again.",
        };
        Halt::problem(failure.reason, "Something went wrong", text)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Halt {
        Failure::from(error).into()
    }
}

/// A redirect that turns a POST into a GET and is not cached.
pub(super) fn see_other(location: &str) -> actix_web::HttpResponseBuilder {
    let mut builder = HttpResponse::SeeOther();
    builder.insert_header((header::LOCATION, location));
    builder.insert_header((header::CACHE_CONTROL, "no-store"));
    builder.insert_header((header::REFERRER_POLICY, "no-referrer"));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_may_lead_to_the_origin_of_the_app_and_nowhere_else() {
        assert_eq!(form_target("https://app.example/back?x=1").as_deref(), Some("https://app.example"));
        assert_eq!(form_target("http://127.0.0.1:3000/back").as_deref(), Some("http://127.0.0.1:3000"));
        assert_eq!(form_target("http://[::1]:3000/back").as_deref(), Some("http:"));
        assert_eq!(form_target("uk.example.app:/back").as_deref(), Some("uk.example.app:"));
        assert_eq!(form_target("https://app.example;script-src *"), None);
    }
}
