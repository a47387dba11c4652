//! A store that is slow, full or gone: senders are held back or told, and nothing that was acknowledged is lost.

use std::time::Duration;

use ingest::{Envelope, IngestError};
use store::{MessageFilter, MessageKey, StoreError};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::mllp::{LOOPBACK, acknowledgement, framed, listen, send};
use crate::support::{ARAMINTA, Acute, House, Settings, on_each, on_each_with};

/// How long nothing must happen for it to count as not happening.
const MOMENT: Duration = Duration::from_millis(300);

async fn control_ids(house: &House) -> Vec<String> {
    let kept = house.store.messages(&MessageFilter::default(), MessageKey(0), 100).await.unwrap();
    let mut ids: Vec<String> = kept.into_iter().map(|message| message.message_id).collect();
    ids.sort();
    ids
}

/// Sends results through the front door until the queue of the store is full; what was taken is still under way.
async fn fill_the_queue(house: &House) -> JoinSet<bool> {
    let mut senders = JoinSet::new();
    for number in 0.. {
        let ingest = std::sync::Arc::clone(&house.ingest);
        // Without an NHS number none waits for another of the same person.
        let nobody = Acute { number: "", record: &format!("WT9{number:02}"), ..ARAMINTA };
        let message = nobody.result(&format!("F{number:02}"), "20260105093000");
        let mut sender = tokio::spawn(async move {
            match ingest.receive("acute-hl7v2", message.into(), Envelope::default()).await {
                Ok(_) => true,
                Err(IngestError::Store(StoreError::Busy)) => false,
                Err(other) => panic!("{other}"),
            }
        });
        match tokio::time::timeout(MOMENT, &mut sender).await {
            Ok(stored) => {
                assert!(!stored.unwrap(), "the gate is shut");
                break;
            }
            Err(_) => drop(senders.spawn(async move { sender.await.unwrap() })),
        }
    }
    senders
}

#[test]
fn a_full_queue_holds_mllp_senders_back() {
    let settings = Settings { write_queue_max: 2, ..Settings::default() };
    on_each_with("overload", settings, |house| async move {
        house.hl7(ARAMINTA.registration("M1", "20260105093000")).await;
        let listener = listen(&house, vec![LOOPBACK]).await;
        house.gate.shut();
        let mut filling = fill_the_queue(&house).await;
        let mut stream = TcpStream::connect(listener.address).await.unwrap();
        let mut two = framed(&ARAMINTA.result("R1", "20260105093000"));
        two.extend(framed(&ARAMINTA.result("R2", "20260105093000")));
        tokio::io::AsyncWriteExt::write_all(&mut stream, &two).await.unwrap();
        // No answer, not even that it cannot be kept: the sender waits.
        assert!(tokio::time::timeout(MOMENT, acknowledgement(&mut stream)).await.is_err());
        house.gate.open();
        for control_id in ["R1", "R2"] {
            let answer = acknowledgement(&mut stream).await.unwrap();
            assert!(answer.contains(&format!("\rMSA|AA|{control_id}")), "{answer}");
        }
        let mut expected = vec!["M1".to_owned(), "R1".to_owned(), "R2".to_owned()];
        let count = filling.len();
        while let Some(stored) = filling.join_next().await {
            assert!(stored.unwrap());
        }
        expected.extend((0..count).map(|number| format!("F{number:02}")));
        expected.sort();
        assert_eq!(control_ids(&house).await, expected);
        listener.stop().await;
        house.assert_whole().await;
    });
}

#[test]
fn a_stop_waits_for_the_message_in_hand() {
    on_each("overload_stop", |house| async move {
        let listener = listen(&house, vec![LOOPBACK]).await;
        let mut stream = TcpStream::connect(listener.address).await.unwrap();
        assert!(send(&mut stream, &ARAMINTA.registration("M1", "20260105093000")).await.contains("MSA|AA|M1"));
        house.gate.shut();
        let mut two = framed(&ARAMINTA.result("R1", "20260105093000"));
        two.extend(framed(&ARAMINTA.result("R2", "20260105093000")));
        tokio::io::AsyncWriteExt::write_all(&mut stream, &two).await.unwrap();
        assert!(tokio::time::timeout(MOMENT, acknowledgement(&mut stream)).await.is_err());
        let mut stopping = tokio::spawn(listener.stop());
        assert!(tokio::time::timeout(MOMENT, &mut stopping).await.is_err());
        house.gate.open();
        stopping.await.unwrap();
        assert!(acknowledgement(&mut stream).await.unwrap().contains("\rMSA|AA|R1"));
        // The second was not begun and not acknowledged.
        assert_eq!(acknowledgement(&mut stream).await, None);
        assert_eq!(control_ids(&house).await, ["M1", "R1"]);
    });
}

#[test]
fn what_cannot_be_kept_is_refused_with_ar() {
    on_each("overload_gone", |house| async move {
        let listener = listen(&house, vec![LOOPBACK]).await;
        let mut stream = TcpStream::connect(listener.address).await.unwrap();
        assert!(send(&mut stream, &ARAMINTA.registration("M1", "20260105093000")).await.contains("MSA|AA|M1"));
        house.break_messages().await;
        for message in [ARAMINTA.result("R1", "20260105093000"), "hello".to_owned()] {
            let answer = send(&mut stream, &message).await;
            assert!(answer.contains("\rMSA|AR|") && answer.contains("ERR|"), "{answer}");
        }
        assert_eq!(house.find("Observation", "code", "718-7").await.len(), 0);
        listener.stop().await;
    });
}
