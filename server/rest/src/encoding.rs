//! What is said when no coding of an answer is acceptable: `Accept-Encoding: identity;q=0` alone. <https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3>

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::middleware::Next;

use crate::failure::{Failure, Reason};
use crate::serve;

/// The middleware, around the one that compresses: that one refuses with a plain text, without a content type, before anything is asked.
pub(crate) async fn refusal<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let is_its = response.status() == StatusCode::NOT_ACCEPTABLE
        && !response.headers().contains_key(header::CONTENT_TYPE)
        && response.request().headers().contains_key(header::ACCEPT_ENCODING);
    if !is_its {
        return Ok(response);
    }
    let message = "an answer is given as it is, or compressed by gzip, deflate or zstd; none of these is acceptable";
    let failure = Failure::new(Reason::NotAcceptable, "not-supported", message).of_header("Accept-Encoding");
    let http = response.request().clone();
    let refused = serve::refused(&http, failure);
    Ok(response.into_response(refused))
}
