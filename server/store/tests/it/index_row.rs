//! What stands in the index of a resource: every kind of value, and that it goes with what it was made from.

use policy::{Interaction, Source};
use serde_json::{Value, json};
use store::{Location, Store, StoreError, WriteBatch, WriteOp};

use crate::support::{on_each, options, patient, put, system, validated};

/// A resource for each kind of row that the others do not give.
fn of_every_kind(word: &str) -> Vec<(&'static str, &'static str, Value)> {
    let quantity = json!({"value": 7.2, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"});
    let code =
        json!({"coding": [{"system": "http://loinc.org", "code": "2339-0", "display": format!("Glucose {word}")}]});
    let mut person = patient("Marlow", "1970-01-01");
    let kind = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]});
    person["identifier"] = json!([{"system": "urn:x", "value": word, "type": kind}]);
    person["text"] = json!({"status": "generated", "div": format!("<div>{word} narrative</div>")});
    vec![
        ("Patient", "p", person),
        (
            "Observation",
            "o",
            json!({
                "resourceType": "Observation", "status": "final", "code": code, "subject": {"reference": "Patient/p"},
                "valueQuantity": quantity, "component": [{"code": code, "valueQuantity": quantity}],
            }),
        ),
        (
            "Location",
            "l",
            json!({"resourceType": "Location", "name": word, "position": {"longitude": -1.5, "latitude": 53.8}}),
        ),
        (
            "RiskAssessment",
            "r",
            json!({
                "resourceType": "RiskAssessment", "status": "final", "subject": {"reference": "Patient/p"},
                "prediction": [{"probabilityDecimal": 0.25}],
            }),
        ),
    ]
}

#[test]
fn rows_of_every_kind_come_change_and_go_with_their_resource() {
    on_each("rows", |test| async move {
        let mut before = 0;
        for word in ["first", "second"] {
            for (_, id, value) in of_every_kind(word) {
                test.put(id, &value).await;
            }
            test.assert_whole().await;
            let rows = test.store.check(&system()).await.unwrap().index_rows;
            assert!(rows > 20 && (before == 0 || rows == before), "{rows} rows, {before} before");
            before = rows;
        }
        for (type_name, id, _) in of_every_kind("") {
            test.delete(type_name, id).await;
        }
        test.assert_whole().await;
        assert_eq!(test.store.check(&system()).await.unwrap().index_rows, 0);
    });
}

#[test]
fn every_table_of_the_index_is_filled_and_watched() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(1));
    runtime.block_on(async {
        let kinds = ["token", "string", "date", "number", "quantity", "reference", "text", "composite"];
        for table in kinds.map(|kind| format!("{kind}_index")).into_iter().chain(["full_text".to_owned()]) {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(options(Location::Sqlite(directory.path().to_owned()), &clock)).await.unwrap();
            let ops = of_every_kind("word").iter().map(|(_, id, value)| put(id, value)).collect();
            store.write(&system(), WriteBatch::new(ops, Source::feed("rest"))).await.unwrap();
            assert!(store.check(&system()).await.unwrap().problems.is_empty());
            let file = rusqlite::Connection::open(directory.path().join("weir.db")).unwrap();
            let key = if table == "full_text" { "rowid" } else { "res_key" };
            let sql = format!("SELECT min({key}) FROM {table}");
            let res_key: i64 = file.query_row(&sql, [], |row| row.get(0)).unwrap();
            file.execute(&format!("DELETE FROM {table} WHERE {key} = {res_key}"), []).unwrap();
            let problems = store.check(&system()).await.unwrap().problems;
            assert!(problems.len() == 1 && problems[0].contains("do not match"), "{table}: {problems:?}");
        }
    });
}

#[test]
fn refused_batch_of_a_group_takes_all_of_its_own_and_nothing_else() {
    on_each("refused", |test| async move {
        test.put("taken", &patient("Before", "1970-01-01")).await;
        let stale = |n: usize| WriteOp::Put {
            resource: validated(&patient(&format!("Stale{n}"), "1970-01-01")),
            id: "taken".to_owned(),
            interaction: Interaction::Update,
            if_match: Some(99.into()),
            if_none_exist: None,
        };
        let tasks: Vec<_> = (0..60)
            .map(|n| {
                let store = test.store.clone();
                // Every third is refused after a create and an update of its own.
                let mut ops = vec![put(&format!("p{n}"), &patient(&format!("Family{n}"), "1970-01-01"))];
                if n % 3 == 0 {
                    ops.push(put("other", &patient(&format!("Other{n}"), "1970-01-01")));
                    ops.push(put("taken", &patient(&format!("Taken{n}"), "1970-01-01")));
                    ops.push(stale(n));
                }
                tokio::spawn(async move { store.write(&system(), WriteBatch::new(ops, Source::feed("rest"))).await })
            })
            .collect();
        let mut refused = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => {}
                Err(StoreError::Conflict(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(refused, 20);
        assert!(test.store.read(&system(), "Patient", "other").await.unwrap().is_none());
        let taken = test.store.read(&system(), "Patient", "taken").await.unwrap().unwrap();
        assert_eq!(taken.facts().version, 1);
        assert_eq!(test.find("Patient", &[]).await.len(), 41);
        test.assert_whole().await;
    });
}

#[test]
fn each_commit_is_counted() {
    on_each("commits", |test| async move {
        let before = test.store.commits();
        test.put("a", &patient("Marlow", "1970-01-01")).await;
        test.put("b", &patient("Marlow", "1970-01-01")).await;
        assert_eq!(test.store.commits(), before + 2);
    });
}
