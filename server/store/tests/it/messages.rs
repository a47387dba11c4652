//! Feed messages: each once, with what came from it, or in quarantine until it can be stored.

use fhir::Instant;
use policy::Source;
use store::{MessageFilter, MessageKept, MessageKey, MessageRecord, MessageStatus, StoreError, WriteBatch, WriteOp};

use crate::support::{TestStore, observation, on_each, patient, put, system};

fn message(id: &str, bytes: &[u8]) -> MessageRecord {
    MessageRecord::new("acute-hl7v2", "RZ9|PAS", id, bytes, Instant(5)).unwrap()
}

async fn store_with(test: &TestStore, message: MessageRecord, ops: Vec<WriteOp>) -> Result<(), StoreError> {
    let batch = WriteBatch { message: Some(message), ..WriteBatch::new(ops, Source::feed("acute-hl7v2")) };
    test.store.write(&system(), batch).await.map(|_| ())
}

#[test]
fn message_is_stored_once_with_what_came_from_it() {
    on_each("messages_once", |test| async move {
        let ops = || vec![put("a", &patient("Marlow", "1970-01-01")), put("o", &observation("a", "1"))];
        store_with(&test, message("1", b"MSH|one"), ops()).await.unwrap();
        let again = store_with(&test, message("1", b"MSH|one"), ops()).await;
        assert!(matches!(again, Err(StoreError::Duplicate)));
        store_with(&test, message("1", b"MSH|other"), vec![put("a", &patient("Marlowe", "1970-01-01"))]).await.unwrap();

        let listed = test.store.messages(&MessageFilter::default(), MessageKey(0), 10).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0].status, MessageStatus::Stored);
        assert_eq!((listed[0].sender.as_str(), listed[0].message_id.as_str()), ("RZ9|PAS", "1"));
        let (_, bytes) = test.store.message(listed[0].key).await.unwrap().unwrap();
        assert_eq!(bytes, b"MSH|one");
        let came: Vec<_> = test.store.resources_of_message(listed[0].key).await.unwrap();
        let came: Vec<_> = came.iter().map(|one| (one.type_name.as_str(), one.id.as_str(), one.version)).collect();
        assert_eq!(came, [("Observation", "o", 1), ("Patient", "a", 1)]);
        let of_patient = test.store.messages_of_resource("Patient", "a").await.unwrap();
        assert_eq!(of_patient, [listed[0].key, listed[1].key]);
        assert_eq!(test.store.message(MessageKey(99)).await.unwrap(), None);
    });
}

#[test]
fn refused_write_keeps_no_message() {
    on_each("messages_atomic", |test| async move {
        let op = WriteOp::Delete { type_name: "Patient".to_owned(), id: "a".to_owned(), if_match: Some(3.into()) };
        assert!(store_with(&test, message("1", b"x"), vec![op]).await.is_err());
        assert!(test.store.messages(&MessageFilter::default(), MessageKey(0), 10).await.unwrap().is_empty());
    });
}

#[test]
fn quarantined_message_waits_and_is_replayed() {
    on_each("messages_quarantine", |test| async move {
        let kept = test.store.quarantine_message(message("1", b"bad"), "structure", "[]").await.unwrap();
        let MessageKept::New(key) = kept else { panic!("{kept:?}") };
        let again = test.store.quarantine_message(message("1", b"bad"), "structure", "[]").await.unwrap();
        assert_eq!(again, MessageKept::Duplicate(key));
        let waiting = MessageFilter { feed: Some("acute-hl7v2".to_owned()), status: Some(MessageStatus::Quarantined) };
        let listed = test.store.messages(&waiting, MessageKey(0), 10).await.unwrap();
        assert_eq!((listed.len(), listed[0].code.as_deref()), (1, Some("structure")));
        assert!(test.store.messages(&waiting, key, 10).await.unwrap().is_empty());
        let other = MessageFilter { feed: Some("gp-connect".to_owned()), ..waiting.clone() };
        assert!(test.store.messages(&other, MessageKey(0), 10).await.unwrap().is_empty());
        let counts = test.store.message_counts().await.unwrap();
        assert_eq!((counts.len(), counts[0].count, counts[0].status), (1, 1, MessageStatus::Quarantined));

        store_with(&test, message("1", b"bad"), vec![put("a", &patient("Marlow", "1970-01-01"))]).await.unwrap();
        let (summary, _) = test.store.message(key).await.unwrap().unwrap();
        assert_eq!(summary.status, MessageStatus::Replayed);
        assert_eq!(test.store.resources_of_message(key).await.unwrap().len(), 1);
        let again = store_with(&test, message("1", b"bad"), Vec::new()).await;
        assert!(matches!(again, Err(StoreError::Duplicate)));

        let superseded = MessageStatus::Superseded;
        assert!(!test.store.set_message_status(key, MessageStatus::Quarantined, superseded).await.unwrap());
        assert!(test.store.set_message_status(key, MessageStatus::Replayed, superseded).await.unwrap());
    });
}

#[test]
fn message_that_comes_twice_at_once_is_stored_once() {
    on_each("messages_race", |test| async move {
        let large = vec![b'x'; 300_000];
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (store, message) = (test.store.clone(), message("1", &large));
                let ops = vec![put("a", &patient("Marlow", "1970-01-01"))];
                let batch = WriteBatch { message: Some(message), ..WriteBatch::new(ops, Source::feed("acute-hl7v2")) };
                tokio::spawn(async move { store.write(&system(), batch).await.is_ok() })
            })
            .collect();
        let mut stored = 0;
        for task in tasks {
            stored += usize::from(task.await.unwrap());
        }
        assert_eq!(stored, 1);
        let key = test.store.messages(&MessageFilter::default(), MessageKey(0), 10).await.unwrap()[0].key;
        assert_eq!(test.store.message(key).await.unwrap().unwrap().1, large);
    });
}
