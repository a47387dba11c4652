//! The span of a request: method, route pattern and parameter names. Search values and ids in a path are personal data and stay out.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::web;
use tracing::Span;
use tracing_actix_web::RootSpanBuilder;

use crate::router;
use crate::weir::Weir;

/// Builds the span that every log line of a request hangs under.
pub(crate) struct RouteSpan;

impl RootSpanBuilder for RouteSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let route = fhir_route(request).or_else(|| request.match_pattern()).unwrap_or_else(|| "unknown".to_owned());
        tracing::info_span!(
            "request",
            http.method = %request.method(),
            http.route = %route,
            http.status = tracing::field::Empty,
            request_id = tracing::field::Empty,
        )
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, actix_web::Error>) {
        let status = match outcome {
            Ok(response) => response.response().status(),
            Err(error) => error.as_response_error().status_code(),
        };
        span.record("http.status", status.as_u16());
    }
}

/// The pattern of a route of the FHIR API. What lies beside it, the discovery document too, is known to actix-web.
fn fhir_route(request: &ServiceRequest) -> Option<String> {
    let base_path = &request.app_data::<web::Data<Weir>>()?.settings.base_path;
    let path = request.path().strip_prefix(base_path.as_str())?;
    if base_path.is_empty() || path.starts_with("/.") {
        return None;
    }
    router::matched(path).map(|(pattern, _)| format!("{base_path}{pattern}"))
}
