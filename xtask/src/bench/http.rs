//! HTTP/1.1 over a kept connection, as light as it can be: it shares the processor with the server that it measures.
//!
//! A request is bytes that are written, an answer bytes that are read into the same buffer again; nothing is allocated for a request. Only what
//! Weir sends is understood: answers with a Content-Length, not compressed.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BUFFER_BYTES: usize = 64 * 1024;

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    body_at: usize,
}

/// An answer; what it holds lies in the connection's buffer.
pub(crate) struct Answer<'a> {
    /// Status code.
    pub(crate) status: u16,
    /// The header lines.
    pub(crate) head: &'a str,
    /// The body.
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(BUFFER_BYTES), body_at: 0 })
    }

    /// Sends the bytes of a whole request and waits for the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await.context("send a request")?;
        self.buffer.clear();
        let (status, length) = self.head().await?;
        let end = self.body_at + length;
        while self.buffer.len() < end {
            self.more().await?;
        }
        let (head, body) = self.buffer.split_at(self.body_at);
        Ok(Answer {
            status,
            head: std::str::from_utf8(head).context("the head of an answer is not text")?,
            body: body.get(..length).unwrap_or_default(),
        })
    }

    /// Reads up to the empty line: status and length of the body.
    async fn head(&mut self) -> Result<(u16, usize)> {
        let mut seen = 0;
        let end = loop {
            self.more().await?;
            let new = self.buffer.get(seen..).unwrap_or_default();
            if let Some(at) = new.windows(4).position(|window| window == b"\r\n\r\n") {
                break seen + at + 4;
            }
            seen = self.buffer.len().saturating_sub(3);
        };
        self.body_at = end;
        let head = std::str::from_utf8(self.buffer.get(..end).unwrap_or_default())?;
        let status: u16 = head.get(9..12).and_then(|text| text.parse().ok()).context("the answer has no status")?;
        match header(head, "content-length") {
            Some(text) => Ok((status, text.parse().context("the answer's length is no number")?)),
            None if header(head, "transfer-encoding").is_some() => bail!("the answer comes in chunks"),
            None => Ok((status, 0)),
        }
    }

    async fn more(&mut self) -> Result<()> {
        if self.buffer.capacity() - self.buffer.len() < BUFFER_BYTES / 4 {
            self.buffer.reserve(self.buffer.capacity());
        }
        let read = self.stream.read_buf(&mut self.buffer).await.context("read an answer")?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// What all requests to one server begin with.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Path below which everything lies, as `/fhir`; no slash at the end.
    pub(crate) base_path: String,
    /// Access token, or empty.
    pub(crate) token: String,
}

impl Target {
    /// Writes the bytes of a request; `path` is below the base path.
    pub(crate) fn write(&self, out: &mut Vec<u8>, method: &str, path: &str, body: &[u8]) {
        let Target { address, base_path, token } = self;
        out.clear();
        for part in [method, " ", base_path, path, " HTTP/1.1\r\nHost: "] {
            out.extend_from_slice(part.as_bytes());
        }
        // Writing to a Vec does not fail.
        let _ = std::io::Write::write_fmt(out, format_args!("{address}\r\n"));
        if !token.is_empty() {
            for part in ["Authorization: Bearer ", token, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        if !body.is_empty() {
            let kind =
                if body.first() == Some(&b'{') { "application/fhir+json" } else { "application/x-www-form-urlencoded" };
            let _ = std::io::Write::write_fmt(
                out,
                format_args!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()),
            );
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
    }

    /// One request on a connection of its own: status and body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &[u8]) -> Result<(u16, String)> {
        let mut request = Vec::new();
        self.write(&mut request, method, path, body);
        let mut connection = Connection::open(self.address).await?;
        let answer = connection.exchange(&request).await?;
        Ok((answer.status, String::from_utf8_lossy(answer.body).into_owned()))
    }
}
