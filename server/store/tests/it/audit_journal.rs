//! The journal of an embedded store's audit log: what was acknowledged is found again, whatever happened, and nothing goes on beside it.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use fhir::Instant;
use store::audit::{AuditOutcome, AuditRecord};
use store::{Store, StoreError};

use crate::support::{TestStore, options, sqlite};

fn record(n: i64) -> AuditRecord {
    AuditRecord {
        client_id: Some("c".to_owned()),
        patients: vec![format!("p{n}")],
        ..AuditRecord::new(Instant(n), "read", AuditOutcome::Success)
    }
}

async fn append(store: &TestStore, range: std::ops::RangeInclusive<i64>) {
    for n in range {
        assert_eq!(store.store.audit().append(record(n)).await.unwrap(), n as u64);
    }
}

/// The files as they are at this moment, as after a loss of power, in a folder of their own.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

fn journal(directory: &Path) -> PathBuf {
    directory.join("audit.journal")
}

fn rows(directory: &Path) -> i64 {
    let tables = rusqlite::Connection::open(directory.join("audit.db")).unwrap();
    tables.query_row("SELECT count(*) FROM audit", [], |row| row.get(0)).unwrap()
}

async fn sound(store: &TestStore) -> u64 {
    let verified = store.store.audit().verify().await.unwrap();
    assert_eq!(verified.broken, None);
    verified.sound
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_found_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(directory.path()).await;
    append(&store, 1..=40).await;
    let crashed = copy(directory.path());
    assert!(rows(crashed.path()) < 40, "the records are to be in the journal alone");
    let again = sqlite(crashed.path()).await;
    assert_eq!(sound(&again).await, 40);
    append(&again, 41..=42).await;
    assert_eq!(sound(&again).await, 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_record_at_the_end_is_no_record() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(directory.path()).await;
    append(&store, 1..=3).await;
    let crashed = copy(directory.path());
    let bytes = std::fs::read(journal(crashed.path())).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    let file = OpenOptions::new().write(true).open(journal(crashed.path())).unwrap();
    file.write_all_at(&[0; 9], end - 8).unwrap();
    let again = sqlite(crashed.path()).await;
    assert_eq!(sound(&again).await, 2);
    append(&again, 3..=4).await;
    assert_eq!(sound(&again).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_is_used_again_and_what_it_held_before_is_not_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(directory.path()).await;
    for round in 0..4 {
        append(&store, round * 300 + 1..=(round + 1) * 300).await;
        assert_eq!(sound(&store).await, (round as u64 + 1) * 300);
    }
    assert!(std::fs::metadata(journal(directory.path())).unwrap().len() <= 512 << 10);
    append(&store, 1201..=1202).await;
    let crashed = copy(directory.path());
    assert_eq!(sound(&sqlite(crashed.path()).await).await, 1202);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_while_the_journal_is_away() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(directory.path()).await;
    append(&store, 1..=2).await;
    let away = directory.path().join("away");
    std::fs::rename(journal(directory.path()), &away).unwrap();
    assert!(matches!(store.store.audit().append(record(3)).await, Err(StoreError::Unavailable(_))));
    std::fs::write(journal(directory.path()), "another").unwrap();
    assert!(matches!(store.store.audit().append(record(3)).await, Err(StoreError::Unavailable(_))));
    std::fs::rename(&away, journal(directory.path())).unwrap();
    append(&store, 3..=4).await;
    assert_eq!(sound(&store).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_changed_in_the_journal_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(directory.path()).await;
    append(&store, 1..=2).await;
    let path = journal(directory.path());
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(4).rposition(|text| text == b"read").unwrap() as u64;
    OpenOptions::new().write(true).open(&path).unwrap().write_all_at(b"feed", at).unwrap();
    assert!(matches!(store.store.audit().verify().await, Err(StoreError::Corrupt(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn journal_of_another_moment_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(directory.path()).await;
    append(&store, 1..=2).await;
    let early = copy(directory.path());
    append(&store, 3..=400).await;
    assert_eq!(sound(&store).await, 400);
    append(&store, 401..=401).await;
    let late = copy(directory.path());

    // Tables of later, journal of earlier: it ends before they do.
    std::fs::copy(journal(early.path()), journal(late.path())).unwrap();
    assert!(opened(late.path()).await.unwrap_err().contains("not of one moment"));
    // Tables of earlier, journal of later: records between are in neither.
    std::fs::copy(journal(directory.path()), journal(early.path())).unwrap();
    assert!(opened(early.path()).await.unwrap_err().contains("not of one moment"));
    std::fs::write(journal(early.path()), vec![7; 4096]).unwrap();
    assert!(opened(early.path()).await.unwrap_err().contains("no sound header"));
}

async fn opened(directory: &Path) -> Result<(), String> {
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
    let location = store::Location::Sqlite(directory.to_owned());
    Store::open(options(location, &clock)).await.map(|_| ()).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_lengthen_one_file_and_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (sqlite(directory.path()).await, sqlite(directory.path()).await);
    // The first makes the file longer than the second knows it.
    append(&one, 1..=500).await;
    append(&two, 501..=501).await;
    append(&one, 502..=900).await;
    append(&two, 901..=1500).await;
    let crashed = copy(directory.path());
    for store in [&one, &two, &sqlite(crashed.path()).await] {
        assert_eq!(sound(store).await, 1500);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tables_refuse_stays_in_the_journal_until_they_take_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(directory.path()).await;
    let tables = rusqlite::Connection::open(directory.path().join("audit.db")).unwrap();
    tables.execute_batch("ALTER TABLE audit RENAME TO audit_away").unwrap();
    append(&store, 1..=300).await;
    for _ in 0..3 {
        assert!(store.store.audit().tail().await.is_err());
    }
    tables.execute_batch("ALTER TABLE audit_away RENAME TO audit").unwrap();
    append(&store, 301..=302).await;
    assert_eq!(sound(&store).await, 302);
}
