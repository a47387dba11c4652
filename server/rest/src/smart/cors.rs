//! Calls from web pages of other origins: discovery for any, the API and the token endpoints for the origins that clients
//! registered, the pages for none. Cookies are never allowed along. <https://fetch.spec.whatwg.org/#http-cors-protocol>

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use super::form;
use super::state::State;
use crate::weir::Weir;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Content-Encoding, Accept, If-Match, If-None-Match, \
                               If-Modified-Since, If-None-Exist, Prefer, X-Request-ID, X-Correlation-ID";
const RESPONSE_HEADERS: &str = "Location, ETag, Content-Location, Last-Modified, X-Progress, Retry-After, \
                                Preference-Applied, X-Request-ID, X-Correlation-ID";
const PREFLIGHT_LIFE_S: &str = "600";

/// Who may call a path from a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    Anyone,
    Registered,
    Nobody,
}

fn audience(path: &str, base_path: &str) -> Audience {
    match path.strip_prefix(base_path) {
        Some("/metadata" | "/.well-known/smart-configuration") => Audience::Anyone,
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Audience::Registered,
        _ => match path {
            "/auth/token" | "/auth/introspect" | "/auth/revoke" => Audience::Registered,
            _ => Audience::Nobody,
        },
    }
}

/// The middleware.
pub(crate) async fn cors<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let allowed = allowed_origin(&request).await;
    let is_preflight = *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && allowed != Allowed::NotAsked;
    let mut response = if is_preflight {
        request.into_response(HttpResponse::NoContent().finish())
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    allowed.tell(response.headers_mut(), is_preflight);
    Ok(response)
}

#[derive(Debug, PartialEq, Eq)]
enum Allowed {
    /// Not a call from a page of another origin, or to a path that none may call.
    NotAsked,
    /// By any origin.
    Anyone,
    /// By this origin.
    Origin(HeaderValue),
    /// Not by this one.
    No,
}

async fn allowed_origin(request: &ServiceRequest) -> Allowed {
    let weir = request.app_data::<web::Data<Weir>>();
    let state = request.app_data::<web::Data<State>>();
    let (Some(weir), Some(state)) = (weir, state) else { return Allowed::NotAsked };
    let audience = audience(request.path(), &weir.settings.base_path);
    let origin = form::text(request.headers(), header::ORIGIN);
    match (audience, origin) {
        (Audience::Nobody, _) => Allowed::NotAsked,
        (Audience::Anyone, _) => Allowed::Anyone,
        (Audience::Registered, None) => Allowed::No,
        (Audience::Registered, Some(origin)) => match state.is_registered_origin(weir, origin).await {
            Ok(true) => HeaderValue::from_str(origin).map_or(Allowed::No, Allowed::Origin),
            // Without the list nobody is on it.
            Ok(false) | Err(_) => Allowed::No,
        },
    }
}

impl Allowed {
    fn tell(self, headers: &mut HeaderMap, is_preflight: bool) {
        let origin = match self {
            Allowed::NotAsked => return,
            Allowed::Anyone => HeaderValue::from_static("*"),
            Allowed::Origin(origin) => {
                headers.append(header::VARY, HeaderValue::from_static("Origin"));
                origin
            }
            Allowed::No => {
                headers.append(header::VARY, HeaderValue::from_static("Origin"));
                return;
            }
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if is_preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_LIFE_S));
        } else {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_for_no_other_origin_and_discovery_is_for_all() {
        assert_eq!(audience("/fhir/metadata", "/fhir"), Audience::Anyone);
        assert_eq!(audience("/fhir/.well-known/smart-configuration", "/fhir"), Audience::Anyone);
        assert_eq!(audience("/fhir/Patient/1", "/fhir"), Audience::Registered);
        assert_eq!(audience("/auth/token", "/fhir"), Audience::Registered);
        assert_eq!(audience("/fhirish", "/fhir"), Audience::Nobody);
        for path in ["/auth/authorize", "/auth/login", "/auth/consent", "/metrics"] {
            assert_eq!(audience(path, "/fhir"), Audience::Nobody);
        }
    }
}
