//! The MLLP listener.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::Ingest;

/// How the listener is started.
#[derive(Debug, Clone)]
pub struct MllpOptions {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Peers that may connect.
    pub allowed: Vec<IpAddr>,
    /// Largest message.
    pub message_bytes_max: usize,
}

/// A started listener.
pub struct MllpHandle {
    /// Where it listens.
    pub address: SocketAddr,
}

impl MllpHandle {
    /// Takes no more messages, lets those in flight finish and be acknowledged.
    pub async fn stop(self) {}
}

/// Starts the listener.
pub async fn start(_ingest: Arc<Ingest>, options: MllpOptions) -> io::Result<MllpHandle> {
    Ok(MllpHandle { address: options.listen })
}
