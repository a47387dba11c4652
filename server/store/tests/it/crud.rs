//! Create, read, update, delete, versions and conditions.

use policy::{Interaction, Source};
use serde_json::json;
use store::{
    Criteria, HistoryPage, HistoryTarget, Location, Method, Store, StoreError, WriteBatch, WriteOp, WriteStatus,
};

use crate::support::{drop_schema, on_each, options, patient, postgres_url, put, query, system, validated};

#[test]
fn versions_follow_one_another_and_stay_readable() {
    on_each("versions", |test| async move {
        let first = test.put("p", &patient("Marlow", "1970-01-01")).await;
        assert_eq!((first.status, first.version), (WriteStatus::Created, 1));
        let second = test.put("p", &patient("Marlowe", "1970-01-01")).await;
        assert_eq!((second.status, second.version), (WriteStatus::Updated, 2));
        assert!(second.last_updated > first.last_updated);

        let read = test.store.read(&system(), "Patient", "p").await.unwrap().unwrap();
        assert_eq!(read.system_body(&system()).unwrap(), &second.body);
        let body = String::from_utf8(second.body.to_vec()).unwrap();
        assert!(body.contains(r#""versionId":"2""#) && body.contains("Marlowe"), "{body}");
        let old = test.store.vread(&system(), "Patient", "p", 1).await.unwrap().unwrap();
        assert_eq!(old.system_body(&system()).unwrap(), &first.body);
        assert!(test.store.vread(&system(), "Patient", "p", 3).await.unwrap().is_none());
        assert!(test.store.read(&system(), "Patient", "q").await.unwrap().is_none());
        assert_eq!(test.find("Patient", &[("family", "marlowe")]).await, ["p"]);
        assert!(test.find("Patient", &[("family:exact", "Marlow")]).await.is_empty());
        test.assert_whole().await;
    });
}

#[test]
fn unchanged_content_is_no_new_version() {
    on_each("unchanged", |test| async move {
        let first = test.put("p", &patient("Marlow", "1970-01-01")).await;
        let again = test.put("p", &patient("Marlow", "1970-01-01")).await;
        assert_eq!((again.status, again.version), (WriteStatus::Unchanged, 1));
        assert_eq!(again.body, first.body);
        let served = serde_json::from_slice(&first.body).unwrap();
        assert_eq!(test.put("p", &served).await.status, WriteStatus::Unchanged);
    });
}

#[test]
fn deleted_resource_leaves_a_marker_and_can_come_back() {
    on_each("deleted", |test| async move {
        test.put("p", &patient("Marlow", "1970-01-01")).await;
        let gone = test.delete("Patient", "p").await;
        assert_eq!((gone.status, gone.version), (WriteStatus::Deleted, 2));
        assert!(test.store.read(&system(), "Patient", "p").await.unwrap().unwrap().facts().deleted);
        assert!(test.find("Patient", &[]).await.is_empty());
        assert_eq!(test.delete("Patient", "p").await.status, WriteStatus::Unchanged);
        assert_eq!(test.delete("Patient", "never").await.version, 0);
        let back = test.put("p", &patient("Marlow", "1970-01-01")).await;
        assert_eq!((back.status, back.version), (WriteStatus::Created, 3));

        let page = HistoryPage { count: 10, ..HistoryPage::default() };
        let target = HistoryTarget::Instance("Patient".to_owned(), "p".to_owned());
        let history = test.store.history(&system(), target, page).await.unwrap();
        let told: Vec<_> =
            history.versions.iter().map(|(version, method)| (version.facts().version, *method)).collect();
        assert_eq!(told, [(3, Method::Put), (2, Method::Delete), (1, Method::Put)]);
        assert_eq!(history.total, Some(3));
        test.assert_whole().await;
    });
}

#[test]
fn wrong_version_is_a_conflict_and_takes_its_whole_batch_with_it() {
    on_each("conflict", |test| async move {
        test.put("p", &patient("Marlow", "1970-01-01")).await;
        let stale = WriteOp::Put {
            resource: validated(&patient("Other", "1970-01-01")),
            id: "p".to_owned(),
            interaction: Interaction::Update,
            if_match: Some(7.into()),
            if_none_exist: None,
        };
        let refused = test.write(vec![put("q", &patient("Bystander", "1980-01-01")), stale]).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
        assert!(test.store.read(&system(), "Patient", "q").await.unwrap().is_none());
        assert_eq!(test.find("Patient", &[]).await, ["p"]);
        test.assert_whole().await;
    });
}

#[test]
fn batch_sees_its_own_earlier_writes() {
    on_each("batch", |test| async move {
        let ops = vec![
            put("p", &patient("One", "1970-01-01")),
            put("p", &patient("Two", "1970-01-01")),
            put("q", &patient("Three", "1970-01-01")),
        ];
        let written = test.write(ops).await.unwrap();
        assert_eq!(written.iter().map(|one| one.version).collect::<Vec<_>>(), [1, 2, 1]);
        assert_eq!(test.find("Patient", &[("family", "two")]).await, ["p"]);
        assert!(test.find("Patient", &[("family", "one")]).await.is_empty());
        test.assert_whole().await;
    });
}

#[test]
fn fifty_conditional_creates_at_once_make_one_resource() {
    on_each("conditional", |test| async move {
        let value = json!({"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}]});
        let condition = query("Patient", &[("identifier", "urn:x|1")]);
        let tasks: Vec<_> = (0..50)
            .map(|n| {
                let store = test.store.clone();
                let op = WriteOp::Put {
                    resource: validated(&value),
                    id: format!("p{n}"),
                    interaction: Interaction::Create,
                    if_match: None,
                    if_none_exist: Some(Criteria { query: condition.clone(), grant: system() }),
                };
                tokio::spawn(async move {
                    let batch = WriteBatch::new(vec![op], Source::feed("rest"));
                    store.write(&system(), batch).await.unwrap().remove(0)
                })
            })
            .collect();
        let mut written = Vec::new();
        for task in tasks {
            written.push(task.await.unwrap());
        }
        let created: Vec<_> = written.iter().filter(|one| one.status == WriteStatus::Created).collect();
        assert_eq!(created.len(), 1);
        assert!(written.iter().all(|one| one.id == created[0].id));
        assert_eq!(test.find("Patient", &[]).await.len(), 1);
        test.assert_whole().await;
    });
}

#[test]
fn writes_at_once_all_land_and_a_refused_one_takes_no_other_with_it() {
    on_each("group", |test| async move {
        test.put("taken", &patient("Taken", "1970-01-01")).await;
        let tasks: Vec<_> = (0..200)
            .map(|n| {
                let store = test.store.clone();
                let id = if n % 10 == 0 { "taken".to_owned() } else { format!("p{n}") };
                let op = WriteOp::Put {
                    resource: validated(&patient(&format!("Family{n}"), "1970-01-01")),
                    id,
                    interaction: Interaction::Create,
                    if_match: None,
                    if_none_exist: None,
                };
                tokio::spawn(
                    async move { store.write(&system(), WriteBatch::new(vec![op], Source::feed("rest"))).await },
                )
            })
            .collect();
        let mut refused = 0;
        for task in tasks {
            refused += usize::from(matches!(task.await.unwrap(), Err(StoreError::Conflict(_))));
        }
        assert_eq!(refused, 20);
        let all = test.page(&system(), &query("Patient", &[]), store::Page { count: 10, ..Default::default() }).await;
        assert_eq!(all.total, Some(181));
        test.assert_whole().await;
    });
}

#[test]
fn system_history_pages_and_keeps_to_since() {
    on_each("history", |test| async move {
        for n in 0..5 {
            test.put(&format!("p{n}"), &patient("Marlow", "1970-01-01")).await;
        }
        let third = test.put("p2", &patient("Changed", "1970-01-01")).await;
        let mut page = HistoryPage { count: 4, ..HistoryPage::default() };
        let first = test.store.history(&system(), HistoryTarget::System, page.clone()).await.unwrap();
        assert_eq!((first.versions.len(), first.total), (4, Some(6)));
        page.before_seq = first.next;
        let second = test.store.history(&system(), HistoryTarget::System, page).await.unwrap();
        assert_eq!((second.versions.len(), second.next), (2, None));
        let since = HistoryPage { since: Some(third.last_updated), count: 10, ..HistoryPage::default() };
        let target = HistoryTarget::Type("Patient".to_owned());
        let newest = test.store.history(&system(), target, since).await.unwrap();
        assert_eq!(newest.versions.len(), 1);
        let before = fhir::Instant(third.last_updated.0 - 1);
        let at = HistoryPage { at: Some((before, before)), count: 10, ..HistoryPage::default() };
        let target = HistoryTarget::Instance("Patient".to_owned(), "p2".to_owned());
        let then = test.store.history(&system(), target, at).await.unwrap();
        assert_eq!(then.versions.iter().map(|(version, _)| version.facts().version).collect::<Vec<_>>(), [1]);
    });
}

#[test]
fn store_opens_again_with_what_it_had() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(1));
    let location = Location::Sqlite(directory.path().to_owned());
    runtime.block_on(async {
        let store = Store::open(options(location.clone(), &clock)).await.unwrap();
        let batch = WriteBatch::new(vec![put("p", &patient("Marlow", "1970-01-01"))], Source::feed("rest"));
        store.write(&system(), batch).await.unwrap();
        drop(store);
        let store = Store::open(options(location.clone(), &clock)).await.unwrap();
        assert!(store.read(&system(), "Patient", "p").await.unwrap().is_some());
    });
}

#[test]
fn newer_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(1));
    let location = Location::Sqlite(directory.path().to_owned());
    runtime.block_on(async {
        drop(Store::open(options(location.clone(), &clock)).await.unwrap());
        let file = rusqlite::Connection::open(directory.path().join("weir.db")).unwrap();
        file.execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)", []).unwrap();
        drop(file);
        let refused = Store::open(options(location, &clock)).await;
        assert!(matches!(refused, Err(StoreError::TooNew(name)) if name == "m9999_future"));
    });
}

#[test]
fn full_queue_refuses_instead_of_piling_up() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(1));
    let mut options = options(Location::Sqlite(directory.path().to_owned()), &clock);
    options.write_queue_max = 1;
    runtime.block_on(async {
        let store = Store::open(options).await.unwrap();
        let tasks: Vec<_> = (0..300)
            .map(|n| {
                let store = store.clone();
                let op = put(&format!("p{n}"), &patient("Marlow", "1970-01-01"));
                tokio::spawn(async move {
                    store.write(&system(), WriteBatch::new(vec![op], Source::feed("rest"))).await.map(|_| n)
                })
            })
            .collect();
        let (mut stored, mut busy) = (Vec::new(), 0);
        for task in tasks {
            match task.await.unwrap() {
                Ok(n) => stored.push(n),
                Err(StoreError::Busy) => busy += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(busy > 0 && !stored.is_empty(), "{busy} refused, {} stored", stored.len());
        for n in stored {
            assert!(store.read(&system(), "Patient", &format!("p{n}")).await.unwrap().is_some());
        }
    });
}

#[test]
fn two_that_open_a_new_store_at_once_both_may() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(1));
    let directory = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let mut locations = vec![Location::Sqlite(directory.path().to_owned())];
        locations.extend(postgres_url("open_twice").await.map(Location::Postgres));
        for location in locations {
            let first = tokio::spawn(Store::open(options(location.clone(), &clock)));
            let second = tokio::spawn(Store::open(options(location, &clock)));
            let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
            let batch = |id| WriteBatch::new(vec![put(id, &patient("Marlow", "1970-01-01"))], Source::feed("rest"));
            first.write(&system(), batch("a")).await.unwrap();
            second.write(&system(), batch("b")).await.unwrap();
            first.write(&system(), batch("b")).await.unwrap();
            let report = second.check(&system()).await.unwrap();
            assert_eq!((report.resources, report.problems), (2, Vec::new()));
        }
        drop_schema("open_twice").await;
    });
}

#[test]
fn check_tells_what_was_tampered_with() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(1));
    let location = Location::Sqlite(directory.path().to_owned());
    runtime.block_on(async {
        let store = Store::open(options(location, &clock)).await.unwrap();
        for family in ["Marlow", "Kurtz"] {
            let batch = WriteBatch::new(vec![put("p", &patient(family, "1970-01-01"))], Source::feed("rest"));
            store.write(&system(), batch).await.unwrap();
        }
        let file = rusqlite::Connection::open(directory.path().join("weir.db")).unwrap();
        assert!(store.check(&system()).await.unwrap().problems.is_empty());
        file.execute("DELETE FROM string_index WHERE value = 'kurtz'", []).unwrap();
        let problems = store.check(&system()).await.unwrap().problems;
        assert_eq!(problems, ["the index rows of Patient/p do not match the body"]);
        file.execute("DELETE FROM history", []).unwrap();
        assert_eq!(store.check(&system()).await.unwrap().problems.len(), 2);
    });
}
