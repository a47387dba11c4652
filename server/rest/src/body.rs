//! Reading a request body: decompressed, never longer than the limit, and never slower than the deadline.

use std::time::Duration;

use actix_web::dev::Decompress;
use actix_web::http::header::HeaderMap;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

use crate::failure::{Failure, Reason};

/// The body, at most `limit` bytes after decompression. Whoever does not send all of it in time holds no connection any longer.
pub(crate) async fn read(
    payload: Payload,
    headers: &HeaderMap,
    limit: usize,
    deadline: Duration,
) -> Result<Bytes, Failure> {
    let late = |_| Failure::new(Reason::Timeout, "timeout", "the body did not come in time");
    tokio::time::timeout(deadline, read_whole(payload, headers, limit)).await.map_err(late)?
}

async fn read_whole(payload: Payload, headers: &HeaderMap, limit: usize) -> Result<Bytes, Failure> {
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
