//! A large body holds up nobody else.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Person, on_sqlite};

#[test]
fn others_are_served_while_a_large_bundle_is_read_and_validated() {
    // One thread for everybody.
    on_sqlite(
        |config| config.server.workers = 1,
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let entry = |n: usize| {
                let mut patient = Person::new().patient();
                patient["id"] = json!(format!("large-{n}"));
                json!({ "resource": patient, "request": { "method": "PUT", "url": format!("Patient/large-{n}") } })
            };
            let entries: Vec<Value> = (0..1500).map(entry).collect();
            let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
            let post = async {
                let begun = Instant::now();
                api.post("", &bundle).await.expect(200);
                begun.elapsed()
            };
            let mut longest = Duration::ZERO;
            let mut post = std::pin::pin!(post);
            let took = loop {
                let begun = Instant::now();
                let live = app.anonymous().call("GET", &format!("{}/health/live", app.origin)).send();
                let mut live = std::pin::pin!(live);
                tokio::select! {
                    took = &mut post => break took,
                    answer = &mut live => {
                        answer.expect(200);
                        longest = longest.max(begun.elapsed());
                    }
                }
            };
            assert!(longest < took / 2, "an answer took {longest:?} beside a transaction of {took:?}");
        },
    );
}
