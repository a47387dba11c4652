//! The listener: acknowledgements, frames in pieces, refusals, a stop under load.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ingest::mllp::{MllpHandle, MllpOptions, start};
use store::{MessageFilter, MessageKey, MessageStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{ARAMINTA, House, NUMBER, on_each};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn listen(house: &House, allowed: Vec<IpAddr>) -> MllpHandle {
    let options = MllpOptions { listen: (LOOPBACK, 0).into(), allowed, message_bytes_max: 4096 };
    start(Arc::clone(&house.ingest), options).await.unwrap()
}

fn framed(message: &str) -> Vec<u8> {
    format!("\x0B{message}\x1C\r").into_bytes()
}

/// The next acknowledgement; none when the connection ends.
async fn acknowledgement(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\x1C\r") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(bytes).unwrap())
}

#[test]
fn each_message_is_acknowledged_by_what_became_of_it() {
    on_each("mllp", |house| async move {
        let listener = listen(&house, vec![LOOPBACK]).await;
        let mut stream = TcpStream::connect(listener.address).await.unwrap();
        let message = ARAMINTA.registration("M1", "20260105093000");
        let mut noisy = b"\r\nnoise".to_vec();
        noisy.extend(framed(&message));
        for piece in noisy.chunks(7) {
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
        }
        assert!(acknowledgement(&mut stream).await.unwrap().contains("\rMSA|AA|M1"));
        assert_eq!(house.patients(NUMBER).await.len(), 1);
        // Two at once on one connection, one known already and one broken.
        let mut both = framed(&message);
        both.extend(framed("MSH|^~\\&|EPIC|RZ9|||20260105||ADT^A28|B1|P|2.4\rEVN|A28\r"));
        stream.write_all(&both).await.unwrap();
        assert!(acknowledgement(&mut stream).await.unwrap().contains("\rMSA|AA|M1"));
        let refused = acknowledgement(&mut stream).await.unwrap();
        assert!(refused.contains("\rMSA|AE|B1") && refused.contains("\rERR|PID"), "{refused}");
        // No header at all.
        stream.write_all(&framed("hello")).await.unwrap();
        assert!(acknowledgement(&mut stream).await.unwrap().contains("\rMSA|AE|"));
        // Too large.
        stream.write_all(&framed(&format!("{message}NTE|1||{}", "x".repeat(5000)))).await.unwrap();
        assert!(acknowledgement(&mut stream).await.unwrap().contains("\rMSA|AR|M1"));
        assert_eq!(acknowledgement(&mut stream).await, None);
        listener.stop().await;
    });
}

#[test]
fn strangers_are_closed_at_once() {
    on_each("mllp_stranger", |house| async move {
        let listener = listen(&house, Vec::new()).await;
        let mut stream = TcpStream::connect(listener.address).await.unwrap();
        let _ = stream.write_all(&framed(&ARAMINTA.registration("M1", "20260105093000"))).await;
        assert_eq!(acknowledgement(&mut stream).await, None);
        assert_eq!(house.patients(NUMBER).await.len(), 0);
        listener.stop().await;
    });
}

#[test]
fn a_stop_under_load_loses_nothing_that_was_acknowledged() {
    on_each("mllp_stop", |house| async move {
        let listener = listen(&house, vec![LOOPBACK]).await;
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..4 {
            let address = listener.address;
            senders.spawn(async move {
                let mut acknowledged = Vec::new();
                let mut stream = TcpStream::connect(address).await.unwrap();
                for number in 0.. {
                    let control_id = format!("S{sender}-{number}");
                    let message = framed(&ARAMINTA.result(&control_id, "20260105093000"));
                    if stream.write_all(&message).await.is_err() {
                        break;
                    }
                    match acknowledgement(&mut stream).await {
                        Some(answer) => {
                            assert!(answer.contains(&format!("\rMSA|AA|{control_id}")), "{answer}");
                            acknowledged.push(control_id);
                        }
                        None => break,
                    }
                }
                acknowledged
            });
        }
        // Some are through and others under way.
        while house.store.messages(&MessageFilter::default(), MessageKey(0), 20).await.unwrap().len() < 20 {
            tokio::task::yield_now().await;
        }
        listener.stop().await;
        let mut acknowledged = Vec::new();
        while let Some(sender) = senders.join_next().await {
            acknowledged.extend(sender.unwrap());
        }
        let kept = house.store.messages(&MessageFilter::default(), MessageKey(0), 1000).await.unwrap();
        let mut stored: Vec<String> = kept
            .into_iter()
            .filter(|message| message.status == MessageStatus::Stored)
            .map(|message| message.message_id)
            .collect();
        stored.sort();
        acknowledged.sort();
        // All that was taken was acknowledged, too.
        assert_eq!(stored, acknowledged);
        house.assert_whole().await;
    });
}
