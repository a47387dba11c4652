//! Jobs: one holder at a time, taken over when it is gone, evidence that stays.

use fhir::Instant;
use store::{JobFile, JobOutcome, JobState, Lease, NewJob, StoreError};

use crate::support::on_each;

fn new_job(id: &str, created: i64) -> NewJob {
    NewJob {
        id: id.to_owned(),
        kind: "export".to_owned(),
        client_id: "analyst".to_owned(),
        request: "{\"_type\":[\"Patient\"]}".to_owned(),
        created: Instant(created),
        expires: Instant(created + 1_000),
    }
}

fn lease(lease: &str, now: i64) -> Lease {
    Lease {
        kind: "export".to_owned(),
        lease: lease.to_owned(),
        now: Instant(now),
        until: Instant(now + 10),
        attempts_max: 2,
    }
}

fn outcome() -> JobOutcome {
    let file = JobFile {
        name: "Patient-1.ndjson".to_owned(),
        type_name: "Patient".to_owned(),
        kind: "output".to_owned(),
        resources: 3,
        size_bytes: 999,
    };
    JobOutcome {
        result: "{}".to_owned(),
        files: vec![file],
        evidence: Some("{\"withheld\":{\"national-data-opt-out\":2}}".to_owned()),
        kept: None,
    }
}

#[test]
fn jobs_are_leased_oldest_first_each_to_one_holder() {
    on_each("jobs_lease", |test| async move {
        for n in 0..5 {
            test.store.add_job(&new_job(&format!("j{n}"), 100 - n)).await.unwrap();
        }
        assert!(matches!(test.store.add_job(&new_job("j1", 1)).await, Err(StoreError::Conflict(_))));
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let store = test.store.clone();
                tokio::spawn(async move { store.lease_job(&lease(&format!("l{n}"), 200)).await.unwrap() })
            })
            .collect();
        let mut leased = Vec::new();
        for task in tasks {
            leased.extend(task.await.unwrap().map(|job| job.id));
        }
        leased.sort_unstable();
        assert_eq!(leased, ["j0", "j1", "j2", "j3", "j4"]);
        let other = Lease { kind: "import".to_owned(), ..lease("x", 999) };
        let commits = test.store.commits();
        assert_eq!(test.store.lease_job(&other).await.unwrap(), None);
        test.store.clear_jobs("nothing", Instant(1)).await.unwrap();
        assert_eq!(test.store.commits(), commits, "a look commits nothing");
        assert_eq!(test.store.unended_jobs("analyst", &["export"]).await.unwrap(), 5);
        assert_eq!(test.store.unended_jobs("analyst", &["other"]).await.unwrap(), 0);
        assert_eq!(test.store.unended_jobs("other", &["export"]).await.unwrap(), 0);
    });
}

#[test]
fn holder_that_lost_its_lease_changes_nothing() {
    on_each("jobs_takeover", |test| async move {
        let store = &test.store;
        store.add_job(&new_job("j", 1)).await.unwrap();
        store.lease_job(&lease("first", 100)).await.unwrap().unwrap();
        assert!(store.heartbeat_job("j", "first", Instant(120), Some("50 %")).await.unwrap());
        assert_eq!(store.lease_job(&lease("second", 115)).await.unwrap(), None);
        let taken = store.lease_job(&lease("second", 121)).await.unwrap().unwrap();
        assert_eq!((taken.attempts, taken.state, taken.progress.as_deref()), (2, JobState::Running, Some("50 %")));

        assert!(!store.heartbeat_job("j", "first", Instant(200), None).await.unwrap());
        let late = store.complete_job("j", "first", outcome(), Instant(122)).await;
        assert!(matches!(late, Err(StoreError::Conflict(_))));
        assert!(store.fail_job("j", "first", "{}", Instant(122)).await.is_err());
        assert!(store.job_files("j").await.unwrap().is_empty());
        assert_eq!(store.evidence("j").await.unwrap(), None);

        // It killed two holders: the third does not get it.
        assert_eq!(store.lease_job(&lease("third", 200)).await.unwrap(), None);
        assert_eq!(store.job("j").await.unwrap().unwrap().state, JobState::Failed);
    });
}

#[test]
fn evidence_outlives_its_job() {
    on_each("jobs_evidence", |test| async move {
        let store = &test.store;
        store.add_job(&new_job("j", 1)).await.unwrap();
        store.lease_job(&lease("l", 100)).await.unwrap().unwrap();
        store.complete_job("j", "l", outcome(), Instant(105)).await.unwrap();
        let job = store.job("j").await.unwrap().unwrap();
        assert_eq!(
            (job.state, job.finished, job.result.as_deref()),
            (JobState::Complete, Some(Instant(105)), Some("{}"))
        );
        assert_eq!(store.job_files("j").await.unwrap(), outcome().files);
        assert!(!store.cancel_job("j", Instant(106)).await.unwrap());
        assert!(store.expired_jobs(Instant(1_000), 10).await.unwrap().is_empty());
        assert_eq!(store.expired_jobs(Instant(1_001), 10).await.unwrap(), [job]);
        assert!(store.delete_job("j").await.unwrap());
        assert!(!store.delete_job("j").await.unwrap());
        assert_eq!(store.job("j").await.unwrap(), None);
        assert!(store.job_files("j").await.unwrap().is_empty());
        let evidence = store.evidence("j").await.unwrap().unwrap();
        assert_eq!((evidence.client_id.as_str(), Some(evidence.evidence.clone())), ("analyst", outcome().evidence));
        assert_eq!(store.evidence_since(Instant(105)).await.unwrap(), [evidence]);
        assert!(store.evidence_since(Instant(106)).await.unwrap().is_empty());
    });
}

#[test]
fn cancelled_job_stops_its_holder() {
    on_each("jobs_cancel", |test| async move {
        let store = &test.store;
        store.add_job(&new_job("queued", 1)).await.unwrap();
        assert!(store.cancel_job("queued", Instant(2)).await.unwrap());
        assert_eq!(store.lease_job(&lease("l", 100)).await.unwrap(), None);
        store.add_job(&new_job("running", 1)).await.unwrap();
        store.lease_job(&lease("l", 100)).await.unwrap().unwrap();
        assert!(store.cancel_job("running", Instant(101)).await.unwrap());
        assert!(!store.heartbeat_job("running", "l", Instant(200), None).await.unwrap());
        assert!(store.complete_job("running", "l", outcome(), Instant(102)).await.is_err());
        assert_eq!(store.job("running").await.unwrap().unwrap().state, JobState::Cancelled);
        assert!(!store.cancel_job("nothing", Instant(1)).await.unwrap());
    });
}
