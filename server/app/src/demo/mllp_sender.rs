//! A sender as a trust's integration engine would be: one message at a time over MLLP, waiting for each acknowledgement.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const START: u8 = 0x0b;
const END: [u8; 2] = [0x1c, 0x0d];

/// Acknowledgements by their code.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acknowledged {
    /// AA: stored.
    pub accepted: u64,
    /// AE: kept in quarantine.
    pub in_error: u64,
    /// AR: not kept.
    pub rejected: u64,
}

/// Sends the messages of a file of messages and counts the acknowledgements.
pub(super) async fn send(address: SocketAddr, file: &[u8]) -> Result<Acknowledged> {
    let mut stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
    let mut count = Acknowledged::default();
    for message in messages(file) {
        let mut frame = vec![START];
        frame.extend_from_slice(message);
        frame.extend_from_slice(&END);
        stream.write_all(&frame).await?;
        let acknowledgement = receive(&mut stream).await?;
        match code(&acknowledgement) {
            Some("AA" | "CA") => count.accepted += 1,
            Some("AE" | "CE") => count.in_error += 1,
            Some("AR" | "CR") => count.rejected += 1,
            _ => bail!("an acknowledgement without a code in MSA-1"),
        }
    }
    Ok(count)
}

/// The pieces of a file that begin with `MSH|`.
fn messages(file: &[u8]) -> Vec<&[u8]> {
    let is_start = |at: usize| {
        file.get(at..at + 4) == Some(b"MSH|") && (at == 0 || matches!(file.get(at - 1), Some(b'\r' | b'\n')))
    };
    let starts: Vec<usize> = (0..file.len()).filter(|at| is_start(*at)).collect();
    let ends = starts.iter().skip(1).copied().chain([file.len()]);
    starts.iter().zip(ends).filter_map(|(start, end)| file.get(*start..end)).collect()
}

async fn receive(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while !received.ends_with(&END) {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            bail!("the connection was closed before the acknowledgement");
        }
        received.extend_from_slice(buffer.get(..read).unwrap_or_default());
    }
    Ok(received)
}

fn code(acknowledgement: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(acknowledgement).ok()?;
    text.split('\r').find_map(|segment| segment.strip_prefix("MSA|"))?.split('|').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_at_its_headers() {
        let file = b"MSH|^~\\&|A\rPID|MSH|x\r\nMSH|^~\\&|B\rPID|1\r";
        let cut: Vec<usize> = messages(file).iter().map(|message| message.len()).collect();
        assert_eq!(cut, [22, 17]);
    }

    #[test]
    fn the_code_is_read_from_msa() {
        assert_eq!(code(b"\x0bMSH|^~\\&|W\rMSA|AE|7\rERR|||\r\x1c\r"), Some("AE"));
        assert_eq!(code(b"\x0bMSH|^~\\&|W\r\x1c\r"), None);
    }
}
