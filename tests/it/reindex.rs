//! Search parameters that come at run time, and `$reindex`: a search by one finds everything, or is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use policy::{Grant, Task};
use serde_json::{Value, json};
use store::{Location, ReindexRequest, ReindexStatus, Store, StoreOptions};
use tests::{Answer, Api, Person, TestApp, observation, on_each, on_each_own};

/// A string parameter of observations.
fn noted(expression: &str) -> Value {
    definition("noted", "string", "Observation", expression)
}

fn definition(code: &str, kind: &str, base: &str, expression: &str) -> Value {
    json!({"resourceType": "SearchParameter", "id": code, "url": format!("urn:weir:test:{code}"), "name": "Test", "status": "active",
        "description": "For a test", "code": code, "base": [base], "type": kind, "expression": expression})
}

fn with_note(patient: &str, note: &str) -> Value {
    let mut resource = observation(patient, "1-1", "2026-01-01");
    resource["note"] = json!([{"text": note}]);
    resource
}

/// Starts a job and waits for its end.
async fn reindex(app: &TestApp, query: &str) -> Answer {
    let administrator = app.administrator().await;
    let started = administrator.call("POST", &format!("$reindex{query}")).send().await.expect(202);
    let status = started.header("content-location").unwrap().to_owned();
    loop {
        let answer = administrator.get(&status).await;
        if answer.status != 202 {
            return answer.expect(200);
        }
        assert!(answer.header("x-progress").is_some() && answer.header("retry-after").is_some());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn whole(app: &TestApp) {
    let grant = Grant::for_system(Task::Check, &app.house.token);
    assert_eq!(app.house.store.check(&grant).await.unwrap().problems, Vec::<String>::new());
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[test]
fn a_posted_parameter_finds_nothing_until_it_finds_everything() {
    on_each_own(
        "reindex",
        |_| (),
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let patient = api.create(&Person::new().patient()).await;
            let [first, changed, deleted, other] = [
                api.create(&with_note(&patient, "seen")).await,
                api.create(&with_note(&patient, "seen")).await,
                api.create(&with_note(&patient, "seen")).await,
                api.create(&with_note(&patient, "else")).await,
            ];
            api.get("Observation?noted=seen").await.refused(400);
            api.put("SearchParameter/noted", &noted("Observation.note.text")).await.expect(201);

            let told = api.get("Observation?noted=seen").await.refused(400);
            assert!(told.contains("$reindex") && told.contains("`noted`"), "{told}");
            let by_patient = format!("Patient?_has:Observation:patient:noted=seen&_id={patient}");
            for path in ["Observation?_sort=noted", "Observation?noted:missing=true", by_patient.as_str()] {
                assert!(api.get(path).await.refused(400).contains("$reindex"), "{path}");
            }
            let lenient = api.call("GET", "Observation?noted=seen").header("prefer", "handling=lenient");
            lenient.send().await.refused(400);
            let conditional = api.call("POST", "Observation").header("if-none-exist", "noted=seen");
            conditional.fhir(&with_note(&patient, "seen")).send().await.refused(400);
            whole(&app).await;

            // What is written before the job has its rows from its own write, its old ones missing or not.
            let new = api.create(&with_note(&patient, "seen")).await;
            let mut resource = with_note(&patient, "seen");
            resource["id"] = json!(changed);
            resource["status"] = json!("amended");
            api.put(&format!("Observation/{changed}"), &resource).await.expect(200);
            resource["id"] = json!(new);
            resource["note"][0]["text"] = json!("moved on");
            api.put(&format!("Observation/{new}"), &resource).await.expect(200);
            resource["note"][0]["text"] = json!("seen");
            api.put(&format!("Observation/{new}"), &resource).await.expect(200);
            api.delete(&format!("Observation/{deleted}")).await.expect(204);
            whole(&app).await;

            let outcome = reindex(&app, "").await.text();
            assert!(outcome.contains("urn:weir:test:noted"), "{outcome}");
            let expected = sorted(vec![first.clone(), changed.clone(), new.clone()]);
            assert_eq!(sorted(api.find("Observation?noted=seen").await), expected);
            assert_eq!(api.find("Observation?noted=else").await, [other]);
            assert_eq!(api.find(&by_patient).await, [patient.as_str()]);
            whole(&app).await;
            // Again: named, and with nothing to do.
            assert!(reindex(&app, "?parameter=urn:weir:test:noted&type=Observation").await.text().contains("urn:weir"));
            assert!(reindex(&app, "").await.text().contains("nothing to index"));
            assert_eq!(sorted(api.find("Observation?noted=seen").await), expected);
            whole(&app).await;

            let statement = app.anonymous().get("metadata").await.expect(200).json();
            let types = statement["rest"][0]["resource"].as_array().unwrap();
            let listed = types.iter().find(|one| one["type"] == "Observation").unwrap()["searchParam"].to_string();
            assert!(listed.contains("urn:weir:test:noted"));

            // A changed resource moves; a deleted one goes.
            resource["note"][0]["text"] = json!("else");
            api.put(&format!("Observation/{new}"), &resource).await.expect(200);
            api.delete(&format!("Observation/{changed}")).await.expect(204);
            assert_eq!(api.find("Observation?noted=seen").await, [first]);
            whole(&app).await;
        },
    );
}

#[test]
fn what_a_parameter_meant_before_is_never_found() {
    on_each_own(
        "reindex_change",
        |_| (),
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let patient = api.create(&Person::new().patient()).await;
            let mut resource = with_note(&patient, "alpha");
            resource["code"]["text"] = json!("beta");
            let id = api.create(&resource).await;
            api.put("SearchParameter/noted", &noted("Observation.note.text")).await.expect(201);
            reindex(&app, "").await;
            assert_eq!(api.find("Observation?noted=alpha").await, [id.as_str()]);

            api.put("SearchParameter/noted", &noted("Observation.code.text")).await.expect(200);
            api.get("Observation?noted=alpha").await.refused(400);
            whole(&app).await;
            let outcome = app::command::reindex::reindex(&app.house, &ReindexRequest::default()).await.unwrap();
            assert_eq!((outcome.indexed.len(), outcome.changed.len()), (1, 0));
            assert_eq!(api.find("Observation?noted=alpha").await, Vec::<String>::new());
            assert_eq!(api.find("Observation?noted=beta").await, [id.as_str()]);
            whole(&app).await;

            // Retired it is unknown; what is written meanwhile is found when it comes back.
            let mut retired = noted("Observation.code.text");
            retired["status"] = json!("retired");
            api.put("SearchParameter/noted", &retired).await.expect(200);
            assert!(!api.get("Observation?noted=beta").await.refused(400).contains("$reindex"));
            resource["id"] = json!(id);
            resource["code"]["text"] = json!("gamma");
            api.put(&format!("Observation/{id}"), &resource).await.expect(200);
            api.put("SearchParameter/noted", &noted("Observation.code.text")).await.expect(200);
            reindex(&app, "").await;
            assert_eq!(api.find("Observation?noted=gamma").await, [id.as_str()]);
            assert_eq!(api.find("Observation?noted=beta").await, Vec::<String>::new());
            whole(&app).await;

            api.delete("SearchParameter/noted").await.expect(204);
            api.get("Observation?noted=gamma").await.refused(400);
            while app.house.store.clear_retired_parameters().await.unwrap() {}
            assert!(!app.tables_holding("gamma").await.contains(&"string_index".to_owned()));
            whole(&app).await;
        },
    );
}

#[test]
fn a_killed_job_goes_on_where_it_was() {
    on_each_own(
        "reindex_killed",
        |_| (),
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let patient = api.create(&Person::new().patient()).await;
            let entry = |n: usize| json!({"resource": with_note(&patient, &format!("note {n}")), "request": {"method": "POST", "url": "Observation"}});
            for part in 0..5 {
                let entries: Vec<Value> = (part * 100..(part + 1) * 100).map(entry).collect();
                let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
                api.post("", &bundle).await.expect(200);
            }
            api.put("SearchParameter/noted", &noted("Observation.note.text")).await.expect(201);
            app.stop_serving().await;

            let (store, grant) = (app.house.store.clone(), Grant::for_system(Task::Reindex, &app.house.token));
            store.queue_reindex("job", "test", &ReindexRequest::default()).await.unwrap();
            let looks = AtomicU32::new(0);
            let killed = {
                let (store, grant) = (store.clone(), grant.clone());
                tokio::spawn(async move {
                    let dies = || assert!(looks.fetch_add(1, Ordering::Relaxed) < 2, "killed");
                    store
                        .work_reindex(&grant, "first", || {
                            dies();
                            false
                        })
                        .await
                })
            };
            assert!(killed.await.unwrap_err().is_panic());
            let Some(ReindexStatus::Running(progress)) = store.reindex_status("job").await.unwrap() else {
                panic!("the job is not under way");
            };
            assert_eq!((progress.resources, progress.total), (400, 500));
            // The lease of the dead still holds.
            assert!(!store.work_reindex(&grant, "second", || false).await.unwrap());

            let config = &app.house.config.server;
            let location = match config.database_url.as_str() {
                "" => Location::Sqlite(config.data_dir.clone()),
                url => Location::Postgres(url.to_owned()),
            };
            let later = Arc::new(|| fhir::Instant(app::wiring::now().0 + 60_000));
            let options = StoreOptions::new(location, Arc::clone(&app.house.knowledge.registry), later);
            let next = Store::open(options).await.unwrap();
            // Asked to stop at once, it gives the job back; then somebody else ends it.
            assert!(next.work_reindex(&grant, "third", || true).await.unwrap());
            assert!(next.work_reindex(&grant, "fourth", || false).await.unwrap());
            let Some(ReindexStatus::Complete(outcome)) = next.reindex_status("job").await.unwrap() else {
                panic!("the job is not complete");
            };
            assert_eq!((outcome.resources, outcome.indexed.len()), (500, 1));
            let check = Grant::for_system(Task::Check, &app.house.token);
            assert_eq!(next.check(&check).await.unwrap().problems, Vec::<String>::new());
            // The other store of this process learns it by its next search.
            whole(&app).await;
            let query = search::parse(
                "Observation",
                &[("noted".to_owned(), "note 499".to_owned())],
                &app.house.store.registry(),
                &search::Options::default(),
            );
            let page = store::Page { count: 10, ..store::Page::default() };
            let facts = Grant::for_system(Task::Facts, &app.house.token);
            assert_eq!(store.search(&facts, &query.unwrap(), page).await.unwrap().matches.len(), 1);
        },
    );
}

#[test]
fn a_definition_that_cannot_be_used_is_refused_with_the_reason() {
    let own = |_: &mut app::config::Config| ();
    on_each_own("search_parameter_refused", own, |app| async move {
        let api = app.system("system/*.cruds").await;
        let refused = [
            (definition("broken", "string", "Observation", "Observation.note.where("), "SearchParameter/broken"),
            (definition("gender", "token", "Patient", "Patient.gender"), "SearchParameter/gender"),
            (definition("elsewhere", "string", "Starship", "Starship.name"), "SearchParameter/elsewhere"),
        ];
        for (resource, path) in refused {
            let told = api.put(path, &resource).await.refused(422);
            assert!(told.contains("expression") || told.contains("already") || told.contains("type"), "{told}");
            api.get(path).await.refused(404);
        }
        let one = definition("one-of-two", "string", "Basic", "Basic.code.text");
        api.put("SearchParameter/one-of-two", &one).await.expect(201);
        let mut other = one.clone();
        other["id"] = json!("two-of-two");
        assert!(api.put("SearchParameter/two-of-two", &other).await.refused(422).contains("url"));
        api.delete("SearchParameter/one-of-two").await.expect(204);
        // A draft is stored and does nothing.
        let mut draft = definition("draft", "string", "Observation", "Observation.note.where(");
        draft["status"] = json!("draft");
        api.put("SearchParameter/draft", &draft).await.expect(201);
    });
}

#[test]
fn only_services_define_and_only_administrators_reindex() {
    on_each("reindex_refused", |app| async move {
        let all = app.system("system/*.cruds weir/feed.*").await;
        let patient = all.create(&Person::new().patient()).await;
        let launched = app.launched("launch/patient patient/*.cruds user/*.cruds", &patient).await;
        launched
            .put("SearchParameter/mine", &definition("mine", "string", "Basic", "Basic.code.text"))
            .await
            .refused(403);
        for api in [&all, &launched, &app.analyst().await] {
            api.call("POST", "$reindex").send().await.refused(403);
            api.get("$reindex/none").await.refused(403);
        }
        let administrator = app.administrator().await;
        administrator.get("$reindex/none").await.refused(404);
        for query in ["?type=Starship", "?parameter=urn:weir:none", "?everything=true"] {
            administrator.call("POST", &format!("$reindex{query}")).send().await.refused(400);
        }
        administrator.get("$reindex").await.refused(405);
    });
}

#[test]
fn a_parameter_of_a_type_without_resources_is_searchable_at_once() {
    on_each_own(
        "reindex_empty",
        |_| (),
        |app| async move {
            let api: Api<'_> = app.system("system/*.cruds").await;
            api.put("SearchParameter/noted", &noted("Observation.note.text")).await.expect(201);
            assert!(api.find("Observation?noted=seen").await.is_empty());
            let patient = api.create(&Person::new().patient()).await;
            let id = api.create(&with_note(&patient, "seen")).await;
            assert_eq!(api.find("Observation?noted=seen").await, [id]);
            whole(&app).await;
        },
    );
}
