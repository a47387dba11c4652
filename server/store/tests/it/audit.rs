//! The audit log: durable, in order, filtered, and no longer sound once anybody touched it.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use fhir::Instant;
use sqlx::Executor;
use store::audit::{AuditFilter, AuditOutcome, AuditRecord, ChainBreak, ChainFault};
use store::{Location, Store, StoreError};

use crate::support::{drop_schema, on_each, options, postgres_url, say_what_is_left_out};

fn record(recorded: i64, client: &str, patients: &[&str]) -> AuditRecord {
    AuditRecord {
        client_id: Some(client.to_owned()),
        purpose: Some("direct-care".to_owned()),
        type_name: Some("Observation".to_owned()),
        patients: patients.iter().map(|id| (*id).to_owned()).collect(),
        query: vec!["code".to_owned(), "patient".to_owned()],
        detail: Some(serde_json::json!({"count": 1.50})),
        ..AuditRecord::new(Instant(recorded), "search_type", AuditOutcome::Success)
    }
}

#[test]
fn records_are_read_back_by_place_patient_client_and_time() {
    on_each("audit_page", |test| async move {
        let audit = test.store.audit();
        for n in 1..=6 {
            let patients: &[&str] = if n % 2 == 0 { &["p2", "p1", "p2"] } else { &["p1"] };
            assert_eq!(audit.append(record(n * 10, &format!("c{}", n % 3), patients)).await.unwrap(), n as u64);
        }
        let places = async |filter: &AuditFilter, after, count| {
            let page = audit.page(filter, after, count).await.unwrap();
            (page.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), page.next)
        };
        let all = AuditFilter::default();
        assert_eq!(places(&all, 0, 4).await, (vec![1, 2, 3, 4], Some(4)));
        assert_eq!(places(&all, 4, 4).await, (vec![5, 6], None));
        let patient = AuditFilter { patient: Some("p2".to_owned()), ..all.clone() };
        assert_eq!(places(&patient, 0, 10).await.0, [2, 4, 6]);
        assert_eq!(places(&patient, 2, 10).await.0, [4, 6]);
        let client = AuditFilter { client_id: Some("c0".to_owned()), ..all.clone() };
        assert_eq!(places(&client, 0, 10).await.0, [3, 6]);
        let time = AuditFilter { since: Some(Instant(20)), until: Some(Instant(50)), ..all.clone() };
        assert_eq!(places(&time, 0, 10).await.0, [2, 3, 4]);
        let entry = audit.page(&all, 1, 1).await.unwrap().entries.remove(0);
        assert_eq!(entry.record, record(20, "c2", &["p1", "p2"]));
        assert_eq!(audit.verify().await.unwrap().broken, None);
    });
}

#[test]
fn parallel_appends_share_commits_and_make_one_chain() {
    on_each("audit_parallel", |test| async move {
        let tasks: Vec<_> = (0..500)
            .map(|n| {
                let audit = test.store.audit().clone();
                tokio::spawn(async move { audit.append(record(n, "c", &["p"])).await.unwrap() })
            })
            .collect();
        let mut places = Vec::new();
        for task in tasks {
            places.push(task.await.unwrap());
        }
        places.sort_unstable();
        assert_eq!(places, (1..=500).collect::<Vec<u64>>());
        let verified = test.store.audit().verify().await.unwrap();
        assert_eq!((verified.sound, verified.broken), (500, None));
        assert_eq!(verified.tail, test.store.audit().tail().await.unwrap());
    });
}

#[test]
fn record_with_a_nul_is_refused_and_harms_no_other() {
    on_each("audit_nul", |test| async move {
        let refused = test.store.audit().append(record(1, "c\0", &[])).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))));
        assert_eq!(test.store.audit().append(record(1, "c", &[])).await.unwrap(), 1);
    });
}

/// A way to reach behind the store.
enum Behind {
    Sqlite(std::path::PathBuf),
    Postgres(String),
}

impl Behind {
    async fn run(&self, sql: &str) -> Result<(), String> {
        match self {
            Behind::Sqlite(path) => rusqlite::Connection::open(path).unwrap().execute_batch(sql).map_err(text),
            Behind::Postgres(url) => {
                let pool = sqlx::PgPool::connect(url).await.unwrap();
                let outcome = pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))).await;
                pool.close().await;
                outcome.map(|_| ()).map_err(text)
            }
        }
    }

    /// Takes the guard of a table away, as somebody with the rights of the owner could.
    async fn disarm(&self) {
        let sql = match self {
            Behind::Sqlite(_) => {
                "DROP TRIGGER audit_update; DROP TRIGGER audit_delete; \
                 DROP TRIGGER audit_patient_update; DROP TRIGGER audit_patient_delete"
            }
            Behind::Postgres(_) => {
                "DROP TRIGGER audit_change ON audit; DROP TRIGGER audit_patient_change ON audit_patient"
            }
        };
        self.run(sql).await.unwrap();
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

async fn check_tampering(store: &Store, behind: &Behind) {
    for n in 1..=5 {
        store.audit().append(record(n, "c", &["p"])).await.unwrap();
    }
    // Whoever reads has them moved into the tables.
    assert_eq!(store.audit().tail().await.unwrap().0, 5);
    for sql in ["UPDATE audit SET recorded = 0", "DELETE FROM audit", "DELETE FROM audit_patient"] {
        assert!(behind.run(sql).await.unwrap_err().contains("append-only"), "{sql}");
    }
    behind.disarm().await;
    let broken = async || store.audit().verify().await.unwrap().broken;
    let at = |seq, fault| Some(ChainBreak { seq, fault });

    behind.run("UPDATE audit SET recorded = 99 WHERE seq = 4").await.unwrap();
    assert_eq!(broken().await, at(4, ChainFault::Column));
    behind.run("UPDATE audit SET recorded = 4 WHERE seq = 4").await.unwrap();
    assert_eq!(broken().await, None);

    behind.run("UPDATE audit SET client_id = 'other' WHERE seq = 3").await.unwrap();
    assert_eq!(broken().await, at(3, ChainFault::Column));
    behind.run("UPDATE audit SET client_id = 'c' WHERE seq = 3").await.unwrap();

    behind.run("DELETE FROM audit_patient WHERE seq = 5").await.unwrap();
    assert_eq!(broken().await, at(5, ChainFault::PatientIndex));

    behind.run("UPDATE audit SET record = (SELECT record FROM audit WHERE seq = 1) WHERE seq = 2").await.unwrap();
    assert_eq!(broken().await, at(2, ChainFault::Hash));
    let verified = store.audit().verify_range(3..=4).await.unwrap();
    assert_eq!((verified.sound, verified.broken), (2, None));

    behind.run("DELETE FROM audit WHERE seq = 1").await.unwrap();
    assert_eq!(broken().await, at(1, ChainFault::Missing));
    let past_the_end = store.audit().verify_range(3..=9).await.unwrap();
    assert_eq!(past_the_end.broken, at(5, ChainFault::PatientIndex));
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_is_found_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(0));
    let store = Store::open(options(Location::Sqlite(directory.path().to_owned()), &clock)).await.unwrap();
    check_tampering(&store, &Behind::Sqlite(directory.path().join("audit.db"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_is_found_on_postgres() {
    let Some(url) = postgres_url("audit_tamper").await else { return say_what_is_left_out() };
    let clock = Arc::new(AtomicI64::new(0));
    let store = Store::open(options(Location::Postgres(url.clone()), &clock)).await.unwrap();
    let behind = Behind::Postgres(url);
    check_tampering(&store, &behind).await;

    // A failure reaches the caller, and the next record goes through once the cause is gone.
    behind.run("ALTER TABLE audit RENAME TO audit_away").await.unwrap();
    assert!(store.audit().append(record(6, "c", &["p"])).await.is_err());
    behind.run("ALTER TABLE audit_away RENAME TO audit").await.unwrap();
    assert_eq!(store.audit().append(record(6, "c", &["p"])).await.unwrap(), 6);
    drop(store);
    drop_schema("audit_tamper").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_make_one_chain() {
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![Location::Sqlite(directory.path().to_owned())];
    locations.extend(postgres_url("audit_nodes").await.map(Location::Postgres));
    for location in locations {
        let clock = Arc::new(AtomicI64::new(0));
        let one = Store::open(options(location.clone(), &clock)).await.unwrap();
        let two = Store::open(options(location, &clock)).await.unwrap();
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let audit = if n % 2 == 0 { one.audit().clone() } else { two.audit().clone() };
                tokio::spawn(async move { audit.append(record(n, "c", &["p"])).await.unwrap() })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let verified = two.audit().verify().await.unwrap();
        assert_eq!((verified.sound, verified.broken), (100, None));
    }
    drop_schema("audit_nodes").await;
}
