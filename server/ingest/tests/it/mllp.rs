//! The listener: acknowledgements, frames in pieces, refusals, a stop under load.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ingest::QuarantineCode;
use ingest::mllp::{MllpHandle, MllpOptions, start};
use store::{MessageFilter, MessageKey, MessageStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{ARAMINTA, House, NUMBER, Settings, on_each, on_each_with};

pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub async fn listen(house: &House, allowed: Vec<IpAddr>) -> MllpHandle {
    let options = MllpOptions { listen: (LOOPBACK, 0).into(), allowed, message_bytes_max: 4096 };
    start(Arc::clone(&house.ingest), options).await.unwrap()
}

pub fn framed(message: &str) -> Vec<u8> {
    format!("\x0B{message}\x1C\r").into_bytes()
}

/// The next acknowledgement; none when the connection ends.
pub async fn acknowledgement(stream: &mut TcpStream) -> Option<String> {
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

/// Sends one message and gives the acknowledgement.
pub async fn send(stream: &mut TcpStream, message: &str) -> String {
    stream.write_all(&framed(message)).await.unwrap();
    acknowledgement(stream).await.unwrap()
}

#[test]
fn each_refusal_names_its_reason_in_the_code_of_the_standard() {
    on_each("mllp_codes", |house| async move {
        let listener = listen(&house, vec![LOOPBACK]).await;
        let mut stream = TcpStream::connect(listener.address).await.unwrap();
        let good = ARAMINTA.registration("M1", "20260105093000");
        for (message, acknowledged, error) in [
            (good.replace("ADT^A28", "SIU^S12"), "MSA|AE|M1", "Unsupported message type"),
            (good.replace("ADT^A28", "ADT^A19"), "MSA|AE|M1", "Unsupported event code"),
            (good.replace("|2.4|", "|3.1|"), "MSA|AE|M1", "Unsupported version id"),
            (good.replace("|M1|", "||"), "MSA|AE||", "Required field missing"),
            (good.replace("19441026", "19441326"), "MSA|AA|M1", ""),
        ] {
            let answer = send(&mut stream, &message).await;
            assert!(answer.contains(&format!("\r{acknowledged}")) && answer.contains(error), "{message}\n{answer}");
        }
        // The messages of one frame share an acknowledgement: good when all are.
        let two = good.replace("|M1|", "|M3|") + &ARAMINTA.result("R1", "20260105093000");
        assert!(send(&mut stream, &two).await.contains("\rMSA|AA|M3"));
        assert_eq!(house.find("Observation", "code", "718-7").await.len(), 1);
        let broken = good.replace("|M1|", "|M4|") + &good.replace("ADT^A28", "ADT^A19").replace("|M1|", "|M5|");
        let answer = send(&mut stream, &broken).await;
        assert!(answer.contains("\rMSA|AE|M4") && answer.contains("Unsupported event code"), "{answer}");
        // A message that broke off is not one; the next is.
        stream.write_all(b"\x0BMSH|^~\\&|EPIC|RZ9|||20260105||ADT^A28|M6|P|2.4\rPID|1||WT").await.unwrap();
        assert!(send(&mut stream, &good.replace("|M1|", "|M7|")).await.contains("\rMSA|AA|M7"));
        let kept = house.store.messages(&MessageFilter::default(), MessageKey(0), 100).await.unwrap();
        assert!(kept.iter().all(|message| message.message_id != "M6"));
        listener.stop().await;
        house.assert_whole().await;
    });
}

#[test]
fn a_sender_that_repeats_an_error_for_ever_is_told_aa() {
    let settings = Settings { quarantine_code: QuarantineCode::Accept, ..Settings::default() };
    on_each_with("mllp_accept", settings, |house| async move {
        let listener = listen(&house, vec![LOOPBACK]).await;
        let mut stream = TcpStream::connect(listener.address).await.unwrap();
        let message = ARAMINTA.registration("M1", "20260105093000").replace("ADT^A28", "SIU^S12");
        let answer = send(&mut stream, &message).await;
        assert!(answer.contains("\rMSA|AA|M1") && !answer.contains("ERR"), "{answer}");
        let kept = house.store.messages(&MessageFilter::default(), MessageKey(0), 10).await.unwrap();
        assert_eq!((kept.len(), kept[0].status), (1, MessageStatus::Quarantined));
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
