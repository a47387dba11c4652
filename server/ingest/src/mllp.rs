//! The MLLP listener: one message at a time on each connection, acknowledged when it is durably kept.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use feeds::acute::{AckCode, AckError, acknowledge};
use store::StoreError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::frame::{Frame, Frames, framed};
use crate::{Envelope, Ingest, IngestError, MessageOutcome, QuarantineCode, Receipt};

/// The feed of this protocol.
const FEED: &str = "acute-hl7v2";
/// Connections at once; a trust has tens of senders.
const CONNECTIONS_MAX: usize = 512;
/// Senders keep connections open between messages, often over night.
const IDLE_MAX: Duration = Duration::from_secs(24 * 3600);
/// A message that has begun must come on.
const STALL_MAX: Duration = Duration::from_secs(120);
/// A sender that does not take its acknowledgement is gone.
const WRITE_MAX: Duration = Duration::from_secs(30);
/// How long a full store is waited for, with the sender held back, before the message is refused.
const BUSY_WAITS: u32 = 100;
const BUSY_WAIT: Duration = Duration::from_millis(100);

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
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl MllpHandle {
    /// Takes no more messages, lets those in flight finish and be acknowledged.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if self.accepting.await.is_err() {
            tracing::error!("the MLLP listener ended abnormally");
        }
    }
}

/// What every connection shares.
struct Listener {
    ingest: Arc<Ingest>,
    options: MllpOptions,
    /// Acknowledgements sent, for their control ids.
    sent: AtomicU64,
}

/// Starts the listener.
pub async fn start(ingest: Arc<Ingest>, options: MllpOptions) -> io::Result<MllpHandle> {
    let socket = TcpListener::bind(options.listen).await?;
    let address = socket.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let listener = Arc::new(Listener { ingest, options, sent: AtomicU64::new(0) });
    let accepting = tokio::spawn(accept(listener, socket, stopped));
    Ok(MllpHandle { address, stop, accepting })
}

async fn accept(listener: Arc<Listener>, socket: TcpListener, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|is_stopped| *is_stopped) => break,
            accepted = socket.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((_, peer)) if !listener.options.allowed.contains(&peer.ip().to_canonical()) => {
                tracing::warn!(peer = %peer.ip(), "MLLP connection refused: the address is not allowed");
            }
            Ok((_, peer)) if connections.len() >= CONNECTIONS_MAX => {
                tracing::warn!(peer = %peer.ip(), "MLLP connection refused: too many are open");
            }
            Ok((stream, peer)) => {
                let connection = Connection { listener: Arc::clone(&listener), stream, peer: peer.ip().to_canonical() };
                connections.spawn(connection.serve(stopped.clone()));
            }
            Err(error) => {
                tracing::warn!(error = %error, "MLLP connection could not be accepted");
                // Out of file handles, most likely: a pause lets some come free.
                tokio::time::sleep(BUSY_WAIT).await;
            }
        }
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

struct Connection {
    listener: Arc<Listener>,
    stream: TcpStream,
    peer: IpAddr,
}

impl Connection {
    async fn serve(mut self, mut stopped: watch::Receiver<bool>) {
        let mut frames = Frames::new(self.listener.options.message_bytes_max);
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match frames.next() {
                // What has not been begun is not begun any more; its sender was told nothing and sends it again.
                Frame::Message(_) | Frame::TooLarge(_) if *stopped.borrow() => return,
                Frame::Message(message) => {
                    if !self.take(message).await {
                        return;
                    }
                    continue;
                }
                Frame::TooLarge(head) => {
                    tracing::warn!(peer = %self.peer, "MLLP message refused: it is larger than allowed");
                    let error = AckError::at("", 207, "the message is larger than this server takes");
                    self.answer(&head, AckCode::AR, &[error]).await;
                    // Read on a little, so that the sender sees the answer and not a reset.
                    let _ = self.stream.shutdown().await;
                    let mut nowhere = tokio::io::sink();
                    let drain = tokio::io::copy(&mut self.stream, &mut nowhere);
                    let _ = tokio::time::timeout(Duration::from_secs(5), drain).await;
                    return;
                }
                Frame::Incomplete => {}
            }
            if frames.take_dropped() {
                tracing::warn!(peer = %self.peer, "MLLP bytes dropped: they stood outside a frame, or in one that broke off");
            }
            let wait = if frames.is_open() { STALL_MAX } else { IDLE_MAX };
            let read = tokio::select! {
                _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
                read = tokio::time::timeout(wait, self.stream.read(&mut buffer)) => read,
            };
            match read {
                Ok(Ok(0)) => return,
                Ok(Ok(count)) => frames.push(buffer.get(..count).unwrap_or_default()),
                Ok(Err(_)) | Err(_) => {
                    tracing::info!(peer = %self.peer, "MLLP connection closed: broken, or silent for too long");
                    return;
                }
            }
        }
    }

    /// Keeps one message and acknowledges it; whether the connection goes on.
    async fn take(&mut self, message: Vec<u8>) -> bool {
        let (code, errors) = match self.receive(&message).await {
            Ok(receipt) => verdict(&receipt, self.listener.ingest.quarantine_code()),
            Err(error) => {
                tracing::error!(peer = %self.peer, error = %error, "MLLP message could not be kept");
                (AckCode::AR, vec![AckError::at("", 207, "the message could not be kept; send it again later")])
            }
        };
        self.answer(&message, code, &errors).await
    }

    /// Waits while the store is full: nothing more is read meanwhile, which slows the sender down.
    async fn receive(&self, message: &[u8]) -> Result<Receipt, IngestError> {
        let bytes = bytes::Bytes::copy_from_slice(message);
        let mut waits = 0;
        loop {
            let envelope = Envelope { source_address: Some(self.peer.to_string()), ..Envelope::default() };
            match self.listener.ingest.receive(FEED, bytes.clone(), envelope).await {
                Err(IngestError::Store(StoreError::Busy)) if waits < BUSY_WAITS => {
                    waits += 1;
                    tokio::time::sleep(BUSY_WAIT).await;
                }
                done => return done,
            }
        }
    }

    async fn answer(&mut self, message: &[u8], code: AckCode, errors: &[AckError]) -> bool {
        let now = self.listener.ingest.now();
        let number = self.listener.sent.fetch_add(1, Ordering::Relaxed) % 1_000_000;
        // At most twenty characters, as versions before 2.7 want it.
        let control_id = format!("{}{number:06}", now.0);
        let frame = framed(&acknowledge(message, code, errors, now, &control_id));
        matches!(tokio::time::timeout(WRITE_MAX, self.stream.write_all(&frame)).await, Ok(Ok(())))
    }
}

/// What a sender is told: AA when all is kept as resources, or is known already.
fn verdict(receipt: &Receipt, quarantine_code: QuarantineCode) -> (AckCode, Vec<AckError>) {
    let is_quarantined = receipt.each.iter().any(|one| one.outcome == MessageOutcome::Quarantined);
    if !is_quarantined || quarantine_code == QuarantineCode::Accept {
        return (AckCode::AA, Vec::new());
    }
    let errors = receipt.issues.iter().filter(|issue| issue.is_error()).map(error_of).collect();
    (AckCode::AE, errors)
}

/// The issue as an HL7 error; table 0357 has its own words for the faults that a mapping finds.
fn error_of(issue: &fhir::Issue) -> AckError {
    let location = issue.expression.as_deref().unwrap_or_default();
    let code = match issue.detail.as_deref() {
        Some("message-malformed") if location == "MSH-12" => 203,
        Some("message-malformed") => 102,
        Some("message-unsupported") if issue.diagnostics.contains("ADT^") || issue.diagnostics.contains("ORU^") => 201,
        Some("message-unsupported") => 200,
        Some("message-incomplete") if location.contains('-') => 101,
        Some("message-incomplete") => 100,
        _ => 207,
    };
    AckError { code, ..AckError::from(issue) }
}
