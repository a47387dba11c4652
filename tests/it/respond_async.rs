//! `Prefer: respond-async`: decided at once, answered later, to the same asker alone.

use std::time::Duration;

use fhir::Instant;
use serde_json::{Value, json};
use store::{Job, Lease, NewJob};
use tests::{Answer, Api, Person, TestApp, on_each, on_each_own, unique};

/// Kicks off and gives the URL of the status.
async fn begun(call: tests::Call) -> String {
    let answer = call.header("prefer", "respond-async").send().await.expect(202);
    assert!(answer.text().is_empty());
    answer.header("content-location").unwrap().to_owned()
}

/// Asks until it has ended.
async fn ended(api: &Api<'_>, url: &str) -> Answer {
    loop {
        let answer = api.call("GET", url).send().await;
        if answer.status != 202 {
            return answer;
        }
        assert!(["queued", "running"].contains(&answer.header("x-progress").unwrap()));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The one resource of the one file.
async fn fetched(api: &Api<'_>, manifest: &Value) -> Value {
    assert_eq!((&manifest["requiresAccessToken"], &manifest["error"]), (&json!(true), &json!([])), "{manifest}");
    let [file] = manifest["output"].as_array().unwrap().as_slice() else { panic!("{manifest}") };
    let answer = api.call("GET", file["url"].as_str().unwrap()).send().await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/fhir+ndjson"));
    let text = answer.text();
    assert_eq!((text.lines().count(), text.ends_with('\n')), (1, true));
    let resource: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(resource["resourceType"], file["type"]);
    resource
}

#[test]
fn a_search_is_answered_later_and_audited_as_one() {
    on_each("async_search", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let patient = api.create(&person.patient()).await;
        let path = format!("Patient?_id={patient}");
        let call = api.call("GET", &path).header("prefer", "respond-async").header("x-request-id", &person.family);
        let url = call.send().await.expect(202).header("content-location").unwrap().to_owned();
        let status = ended(&api, &url).await.expect(200);
        assert_eq!(status.header("content-type"), Some("application/json"));
        assert!(status.header("expires").is_some());
        let manifest = status.json();
        assert!(manifest["request"].as_str().unwrap().ends_with(&path), "{manifest}");
        let bundle = fetched(&api, &manifest).await;
        assert_eq!((&bundle["type"], &bundle["entry"][0]["resource"]["id"]), (&json!("searchset"), &json!(patient)));
        let records = app.audited(&person.family).await;
        let told: Vec<_> =
            records.iter().map(|entry| (&*entry.record.interaction, entry.record.patients.len())).collect();
        assert_eq!(told, [("SearchType", 0), ("SearchType", 1)], "begun, then carried out");
        assert!(records[0].record.detail.as_ref().unwrap()["job"].is_string());
        let file = manifest["output"][0]["url"].as_str().unwrap();
        let fetch = api.call("GET", file).header("x-request-id", &(person.family.clone() + "f")).send().await;
        fetch.expect(200);
        assert_eq!(app.audited(&(person.family + "f")).await[0].record.patients, [patient], "a copy left again");
        api.call("DELETE", &url).send().await.expect(202);
        for gone in [url.as_str(), file] {
            api.call("GET", gone).send().await.refused(404);
        }
    });
}

#[test]
fn a_transaction_is_carried_out_later() {
    on_each("async_transaction", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [{
            "fullUrl": "urn:uuid:6a2f3b04-5c1d-4b7e-9a86-0c1d2e3f4a5b",
            "resource": person.patient(),
            "request": { "method": "POST", "url": "Patient" },
        }] });
        let url = begun(api.call("POST", "").fhir(&bundle)).await;
        let manifest = ended(&api, &url).await.expect(200).json();
        let answer = fetched(&api, &manifest).await;
        assert_eq!(answer["type"], "transaction-response");
        assert!(answer["entry"][0]["response"]["status"].as_str().unwrap().starts_with("201"), "{answer}");
        let found = api.get(&format!("Patient?family={}", person.family)).await.expect(200).json();
        assert_eq!(found["total"], 1);
    });
}

#[test]
fn a_failure_is_told_as_it_would_have_been() {
    on_each("async_failure", |app| async move {
        let api = app.system("system/*.cruds").await;
        let url = begun(api.call("GET", "Patient/not-there")).await;
        let answer = ended(&api, &url).await;
        assert!(answer.refused(404).contains("there is no Patient/not-there"));
        let wrong = json!({ "resourceType": "Patient", "gender": "many" });
        let url = begun(api.call("POST", "Patient").fhir(&wrong)).await;
        assert!(ended(&api, &url).await.refused(422).contains("Patient.gender"));
    });
}

#[test]
fn what_is_not_granted_is_refused_at_once() {
    on_each("async_denied", |app| async move {
        let api = app.system("system/Observation.rs").await;
        for (method, path) in [("GET", "Patient?_count=1"), ("GET", "Patient/x"), ("DELETE", "Observation/x")] {
            api.call(method, path).header("prefer", "respond-async").send().await.refused(403);
        }
        let unknown = api.call("GET", "Starship").header("prefer", "respond-async").send().await;
        unknown.refused(404);
    });
}

#[test]
fn a_job_is_its_askers_alone() {
    on_each("async_other", |app| async move {
        let service = app.add_service("system/*.cruds", app::cli::ClientPurpose::DirectCare).await;
        let api = app.as_service(&service, "system/*.cruds").await;
        api.create(&Person::new().patient()).await;
        let url = begun(api.call("GET", "Patient?_count=1")).await;
        let manifest = ended(&api, &url).await.expect(200).json();
        let file = manifest["output"][0]["url"].as_str().unwrap();
        let again = app.as_service(&service, "system/*.cruds").await;
        let narrower = app.as_service(&service, "system/Observation.rs").await;
        let other = app.system("system/*.cruds").await;
        let analyst = app.analyst().await;
        for path in [url.as_str(), file] {
            again.call("GET", path).send().await.expect(200);
            narrower.call("GET", path).send().await.refused(404);
            other.call("GET", path).send().await.refused(404);
            analyst.call("GET", path).send().await.refused(403);
        }
        other.call("DELETE", &url).send().await.refused(404);
        again.call("GET", &url).send().await.expect(200);
    });
}

#[test]
fn an_erasure_takes_answers_away() {
    on_each_own(
        "async_erased",
        |_| {},
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let patient = api.create(&Person::new().patient()).await;
            let url = begun(api.call("GET", "Patient")).await;
            ended(&api, &url).await.expect(200);
            let administrator = app.administrator().await;
            administrator.call("POST", &format!("Patient/{patient}/$purge")).send().await.expect(200);
            api.call("GET", &url).send().await.refused(404);
        },
    );
}

/// A job like the one of the URL, taken up by a server that is gone.
async fn left(app: &TestApp, url: &str, kind: &str) -> String {
    let (store, now) = (&app.house.store, app::wiring::now());
    let like = store.job(url.rsplit('/').next().unwrap()).await.unwrap().unwrap();
    loop {
        let (id, client_id, request) = (unique("left"), like.client_id.clone(), like.request.clone());
        let job = NewJob { id, kind: kind.to_owned(), client_id, request, created: now, expires: like.expires };
        store.add_job(&job).await.unwrap();
        let (until, lease) = (Instant(now.0 - 1), "gone".to_owned());
        let wish = Lease { kind: kind.to_owned(), lease, now, until, attempts_max: 9 };
        // The server that runs may have been faster.
        if store.lease_job(&wish).await.unwrap().is_some_and(|taken| taken.id == job.id) {
            return url.replace(&like.id, &job.id);
        }
    }
}

#[test]
fn a_read_is_begun_again_after_a_restart_and_a_write_is_not() {
    on_each_own(
        "async_left",
        |_| {},
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let person = Person::new();
            let url = begun(api.call("GET", "Patient?_count=1")).await;
            ended(&api, &url).await.expect(200);
            let read = left(&app, &url, store::ASYNC_READ).await;
            assert_eq!(ended(&api, &read).await.expect(200).json()["output"][0]["type"], "Bundle");
            let url = begun(api.call("POST", "Patient").fhir(&person.patient())).await;
            ended(&api, &url).await.expect(200);
            let write = left(&app, &url, store::ASYNC_WRITE).await;
            assert!(ended(&api, &write).await.refused(500).contains("whether it was stored is not known"));
            let found = api.get(&format!("Patient?family={}", person.family)).await.json();
            assert_eq!(found["total"], 1, "it was not carried out twice");
        },
    );
}

/// Queues the request of an ended job again, as if it had waited until now, and gives what came of it.
async fn carried_out_now(app: &TestApp, like: &Job) -> Value {
    let (store, now) = (&app.house.store, app::wiring::now());
    let (id, kind, request) = (unique("late"), like.kind.clone(), like.request.clone());
    let client_id = like.client_id.clone();
    let job = NewJob { id: id.clone(), kind, client_id, request, created: now, expires: Instant(now.0 + 60_000) };
    store.add_job(&job).await.unwrap();
    loop {
        if let Some(result) = store.job(&id).await.unwrap().unwrap().result {
            return serde_json::from_str(&result).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn job(app: &TestApp, url: &str) -> Job {
    app.house.store.job(url.rsplit('/').next().unwrap()).await.unwrap().unwrap()
}

#[test]
fn what_waits_is_not_carried_out_for_a_token_or_login_that_ended() {
    on_each("async_revoked", |app| async move {
        let scope = "user/Patient.rs";
        let patient = app.system("system/*.cruds").await.create(&Person::new().patient()).await;
        let control = app.house.store.control();
        for is_login in [false, true] {
            let (client, user) = (app.add_app(scope).await, app.add_clinician().await);
            let launched = app.browser().launch(&client, scope, &user, "").await;
            let api = app.with_token(&launched.access_token);
            let url = begun(api.call("GET", &format!("Patient/{patient}"))).await;
            ended(&api, &url).await.expect(200);
            let like = job(&app, &url).await;
            assert_eq!(carried_out_now(&app, &like).await["failed"], Value::Null);
            if is_login {
                let login = control.user(&user).await.unwrap().unwrap();
                control.put_user(&store::control::User { is_active: false, ..login }).await.unwrap();
            } else {
                let hash = smart::handle_hash(&launched.access_token);
                assert!(control.revoke_token(&hash, &client, app::wiring::now()).await.unwrap());
            }
            assert_eq!(carried_out_now(&app, &like).await["failed"], "Denied");
        }
    });
}

#[test]
fn little_is_kept_and_not_for_long() {
    on_each("async_kept", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let url = begun(api.call("POST", "Patient").fhir(&person.patient())).await;
        ended(&api, &url).await.expect(200);
        let like = job(&app, &url).await;
        assert!(!like.request.contains(&person.family), "the body goes when the job ends");
        assert!(like.expires.0 <= app::wiring::now().0 + 15 * 60_000);
        let (store, now) = (&app.house.store, app::wiring::now());
        for _ in 0..63 {
            let (id, kind, request) = (unique("kept"), "async-read".to_owned(), like.request.clone());
            let client_id = like.client_id.clone();
            let job = NewJob { id: id.clone(), kind, client_id, request, created: now, expires: like.expires };
            store.add_job(&job).await.unwrap();
            store.cancel_job(&id, now).await.unwrap();
        }
        let refused = api.call("GET", "Patient/x").header("prefer", "respond-async").send().await.refused(429);
        assert!(refused.contains("64 requests and answers are kept"), "{refused}");
        api.call("DELETE", &url).send().await.expect(202);
        begun(api.call("GET", "Patient/x")).await;
    });
}
