//! One call and its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use url::{Host, Url};

use crate::error::OutboundError;
use crate::guard::{PublicOnly, is_public};

/// Bounds of every call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte sent to the last received.
    pub timeout_ms: u64,
    /// Longest answer.
    pub body_bytes_max: usize,
    /// Whether private and loopback addresses may be called: tests and the demo.
    pub is_private_allowed: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { timeout_ms: 10_000, body_bytes_max: 4 * 1024 * 1024, is_private_allowed: false }
    }
}

/// What is sent.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// Absolute URL.
    pub url: String,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Bytes,
}

impl Call {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Call {
        Call { method: "GET", url: url.into(), ..Call::default() }
    }

    /// A POST with a body of that media type.
    pub fn post(url: impl Into<String>, content_type: &str, body: impl Into<Bytes>) -> Call {
        Call {
            method: "POST",
            url: url.into(),
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Call {
        self.headers.push((name, value.into()));
        self
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
}

impl Response {
    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The way out.
pub struct Outbound {
    client: reqwest::Client,
    limits: Limits,
}

impl Outbound {
    /// Sets up the client.
    pub fn new(limits: Limits) -> Result<Outbound, OutboundError> {
        // A second Outbound in the same process finds the provider installed; that is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .timeout(Duration::from_millis(limits.timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")));
        if !limits.is_private_allowed {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        let client = builder.build().map_err(|error| OutboundError::Setup(error.to_string()))?;
        Ok(Outbound { client, limits })
    }

    /// Makes a call. Any status is an answer.
    pub async fn send(&self, call: Call) -> Result<Response, OutboundError> {
        let (url, host) = self.checked(&call.url)?;
        let method = reqwest::Method::from_bytes(call.method.as_bytes()).unwrap_or(reqwest::Method::GET);
        let mut request = self.client.request(method, url).body(call.body);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let no_answer = |error: &reqwest::Error| OutboundError::NoAnswer { host: host.clone(), reason: reason(error) };
        let mut response = request.send().await.map_err(|error| no_answer(&error))?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(&error))? {
            if body.len() + chunk.len() > self.limits.body_bytes_max {
                return Err(OutboundError::TooLong { host, limit_bytes: self.limits.body_bytes_max });
            }
            body.extend_from_slice(&chunk);
        }
        let headers = response.headers().iter();
        Ok(Response {
            status: response.status().as_u16(),
            headers: headers
                .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
                .collect(),
            body: body.freeze(),
        })
    }

    fn checked(&self, text: &str) -> Result<(Url, String), OutboundError> {
        let not_a_url = || OutboundError::NotAUrl(text.split('?').next().unwrap_or_default().to_owned());
        let url = Url::parse(text).map_err(|_| not_a_url())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(not_a_url());
        }
        // A literal address never meets the resolver.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) => None,
            None => return Err(not_a_url()),
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        if !self.limits.is_private_allowed && literal.is_some_and(|address| !is_public(address)) {
            return Err(OutboundError::Forbidden(host));
        }
        Ok((url, host))
    }
}

fn reason(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "the connection failed"
    } else {
        "the answer could not be read"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_private_addresses_are_refused() {
        let outbound = Outbound::new(Limits::default()).unwrap();
        for url in ["http://127.0.0.1:1/x", "http://[::1]/", "http://169.254.169.254/latest", "http://0x7f.1/"] {
            assert!(matches!(outbound.checked(url), Err(OutboundError::Forbidden(_))), "{url}");
        }
        for url in ["file:///etc/passwd", "nonsense", "ftp://host/"] {
            assert!(matches!(outbound.checked(url), Err(OutboundError::NotAUrl(_))), "{url}");
        }
    }
}
