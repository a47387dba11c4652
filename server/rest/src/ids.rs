//! The ids by which a request is followed across systems: on every answer, in the log and in the audit records.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};

use crate::weir::Weir;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The ids of one request.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    /// Taken, or made when there is none.
    pub request_id: String,
    /// Taken.
    pub correlation_id: Option<String>,
}

impl Ids {
    /// The ids that the middleware gave to the request.
    pub(crate) fn of(http: &HttpRequest, weir: &Weir) -> Ids {
        let given = http.extensions().get::<Ids>().cloned();
        given.unwrap_or_else(|| Ids::read(http.headers(), weir))
    }

    /// Reads the headers; what could not be an id (too long, odd characters) is not echoed.
    fn read(headers: &HeaderMap, weir: &Weir) -> Ids {
        let read = |name: HeaderName| {
            let value = headers.get(name)?.to_str().ok()?;
            let is_id = !value.is_empty() && value.len() <= 128 && value.bytes().all(|b| b.is_ascii_graphic());
            is_id.then(|| value.to_owned())
        };
        Ids { request_id: read(REQUEST_ID).unwrap_or_else(|| weir.new_id()), correlation_id: read(CORRELATION_ID) }
    }
}

/// The middleware: takes the ids of a request, whatever its path, and echoes them.
pub(crate) async fn echo<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let ids = request.app_data::<web::Data<Weir>>().map(|weir| Ids::read(request.headers(), weir));
    let Some(ids) = ids else { return next.call(request).await };
    tracing::Span::current().record("request_id", ids.request_id.as_str());
    request.extensions_mut().insert(ids.clone());
    let mut response = next.call(request).await?;
    let mut set = |name: HeaderName, id: &str| {
        if let Ok(value) = HeaderValue::from_str(id) {
            response.headers_mut().insert(name, value);
        }
    };
    set(REQUEST_ID, &ids.request_id);
    if let Some(id) = &ids.correlation_id {
        set(CORRELATION_ID, id);
    }
    Ok(response)
}
