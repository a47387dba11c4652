//! Reading a request body: decompressed, never longer than the limit, and never slower than the deadline.

use std::io::Read as _;
use std::time::Duration;

use actix_web::dev::Decompress;
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::{Stream, StreamExt as _};

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
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("identity");
    match encoding.trim().to_ascii_lowercase().as_str() {
        "identity" | "gzip" | "deflate" => collect(Decompress::from_headers(payload, headers), limit).await,
        "zstd" => unpacked(&collect(payload, limit).await?, limit),
        _ => {
            let message = "the body may be compressed by gzip or zstd";
            Err(Failure::new(Reason::UnsupportedMediaType, "not-supported", message).of_header("Content-Encoding"))
        }
    }
}

async fn collect(
    mut stream: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    limit: usize,
) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| unreadable())?;
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The largest window that a sender may ask the unpacking to keep, as a power of two: the 8 MiB of RFC 9659.
const WINDOW_LOG_MAX: u32 = 23;

/// Unpacked only as far as the limit: zstd packs two gigabytes into the 64 KiB that actix-web would unpack at a time.
fn unpacked(packed: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    let mut decoder = zstd::Decoder::new(packed).map_err(|_| unreadable())?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(|_| unreadable())?;
    decoder.take(limit as u64 + 1).read_to_end(&mut body).map_err(|_| unreadable())?;
    if body.len() > limit { Err(too_large(limit)) } else { Ok(body.into()) }
}

fn unreadable() -> Failure {
    Failure::bad_request("structure", "the body could not be read to its end")
}

fn too_large(limit: usize) -> Failure {
    Failure::new(Reason::TooLarge, "too-long", format!("the body is larger than {limit} bytes"))
}
