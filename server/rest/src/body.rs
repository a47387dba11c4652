//! Reading a request body: decompressed, and never longer than the limit.

use actix_web::dev::Decompress;
use actix_web::http::header::HeaderMap;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

use crate::failure::{Failure, Reason};

/// The body, at most `limit` bytes after decompression.
pub(crate) async fn read(payload: Payload, headers: &HeaderMap, limit: usize) -> Result<Bytes, Failure> {
    let mut stream = Decompress::from_headers(payload, headers);
    let mut body = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Failure::bad_request("structure", "the body could not be read to its end"))?;
        if body.len() + chunk.len() > limit {
            let message = format!("the body is larger than {limit} bytes");
            return Err(Failure::new(Reason::TooLarge, "too-long", message));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
