//! The audit log: who did what to whom is there before the bytes leave, and nothing that was typed.

use serde_json::{Value, json};
use store::audit::{AuditEntry, AuditOutcome};
use tests::{Api, Person, TestApp, observation, on_each, on_each_own, unique};

/// Sends a request under an id of its own and gives its status and its records.
async fn audited(app: &TestApp, call: tests::Call) -> (u16, Vec<AuditEntry>) {
    let id = unique("request");
    let answer = call.header("x-request-id", &id).header("x-correlation-id", "one-story").send().await;
    (answer.status, app.audited(&id).await)
}

fn one(records: &[AuditEntry]) -> &store::audit::AuditRecord {
    assert_eq!(records.len(), 1, "{records:?}");
    &records[0].record
}

#[test]
fn a_read_is_in_the_log_when_it_is_answered() {
    on_each("audit_read", |app| async move {
        let patient = app.system("system/*.cruds").await.create(&Person::new().patient()).await;
        let service = app.add_service("system/*.rs", app::cli::ClientPurpose::DirectCare).await;
        let api = app.as_service(&service, "system/*.rs").await;
        let (status, records) = audited(&app, api.call("GET", &format!("Patient/{patient}"))).await;
        let record = one(&records);
        assert_eq!((status, record.outcome, record.interaction.as_str()), (200, AuditOutcome::Success, "Read"));
        assert_eq!(record.client_id.as_deref(), Some(service.client_id.as_str()));
        assert_eq!((record.type_name.as_deref(), record.id.as_deref()), (Some("Patient"), Some(patient.as_str())));
        assert_eq!(record.patients, [patient.as_str()]);
        assert_eq!((record.purpose.as_deref(), record.organisation.as_deref()), (Some("direct-care"), Some("X99")));
        assert_eq!(record.correlation_id.as_deref(), Some("one-story"));
        let (status, records) = audited(&app, api.call("HEAD", &format!("Patient/{patient}"))).await;
        assert_eq!((status, one(&records).patients.as_slice()), (200, [patient.clone()].as_slice()));
    });
}

#[test]
fn a_search_is_logged_with_whom_it_showed_and_not_with_what_was_typed() {
    on_each("audit_search", |app| async move {
        let all = app.system("system/*.cruds").await;
        let person = Person::new();
        let patient = all.create(&person.patient()).await;
        let observation = all.create(&observation(&patient, "2345-7", "2026-01-01")).await;
        let user = app.add_clinician().await;
        let client = app.add_app("user/*.rs").await;
        let launched = app.browser().launch(&client, "user/*.rs", &user, "").await;
        let api = app.with_token(&launched.access_token);
        let search = format!("Observation?patient={patient}&code=2345-7");
        let (_, records) = audited(&app, api.call("GET", &search)).await;
        let record = one(&records);
        assert_eq!((record.user.as_deref(), record.interaction.as_str()), (Some(user.as_str()), "SearchType"));
        assert_eq!(
            (record.query.as_slice(), record.patients.as_slice()),
            (["code".to_owned(), "patient".to_owned()].as_slice(), [patient.clone()].as_slice())
        );
        assert_eq!(record.detail.as_ref().unwrap()["resources"], json!([format!("Observation/{observation}")]));
        let (_, records) = audited(
            &app,
            api.call("GET", &format!("Patient?family={}&identifier={}", person.family, person.nhs_number)),
        )
        .await;
        let text = format!("{records:?}");
        assert!(!text.contains(&person.family) && !text.contains(&person.nhs_number), "{text}");
        assert_eq!(one(&records).patients, [patient.as_str()]);
    });
}

#[test]
fn refusals_and_writes_are_logged() {
    on_each("audit_refusal", |app| async move {
        let api = app.system("system/Patient.cruds").await;
        let (status, records) = audited(&app, api.call("GET", "Observation/none")).await;
        assert_eq!((status, one(&records).outcome), (403, AuditOutcome::Denied));
        assert_eq!(one(&records).detail.as_ref().unwrap()["rule"], "scope-missing");
        let (status, records) = audited(&app, api.call("GET", "Patient/none")).await;
        assert_eq!((status, one(&records).outcome), (404, AuditOutcome::Failure));
        let (status, records) = audited(&app, api.call("POST", "Patient").fhir(&Person::new().patient())).await;
        let record = one(&records);
        assert_eq!((status, record.interaction.as_str()), (201, "Create"));
        let id = record.detail.as_ref().unwrap()["resources"][0].as_str().unwrap().to_owned();
        let (status, records) = audited(&app, api.call("DELETE", &id)).await;
        assert_eq!((status, one(&records).interaction.as_str()), (204, "Delete"));
        for path in [format!("{id}/_history"), "Patient/_history?_count=1".to_owned(), "Patient?_count=1".to_owned()] {
            assert_eq!(audited(&app, api.call("GET", &path)).await.1.len(), 1, "{path}");
        }
    });
}

#[test]
fn a_write_that_gives_a_record_back_says_whose() {
    on_each("audit_written", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let (_, records) = audited(&app, api.call("POST", "Patient").fhir(&person.patient())).await;
        let patient = one(&records).patients[0].clone();
        let again = api
            .call("POST", "Patient")
            .header("if-none-exist", &format!("identifier={}", person.nhs_number))
            .fhir(&person.patient());
        let (status, records) = audited(&app, again).await;
        assert_eq!((status, one(&records).patients.as_slice()), (200, [patient.clone()].as_slice()));
        assert_eq!(one(&records).detail.as_ref().unwrap()["resources"], json!([format!("Patient/{patient}")]));

        let mut observation = observation(&patient, "2345-7", "2026-01-01");
        observation["id"] = json!(unique("observation"));
        let path = format!("Observation/{}", observation["id"].as_str().unwrap());
        let (status, records) = audited(&app, api.call("PUT", &path).fhir(&observation)).await;
        assert_eq!((status, one(&records).patients.as_slice()), (201, [patient.clone()].as_slice()));
        let put = json!({"request": {"method": "PUT", "url": path}, "resource": observation});
        let read = json!({"request": {"method": "GET", "url": format!("Patient/{patient}")}});
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [put, read]});
        let (status, records) = audited(&app, api.call("POST", "").fhir(&bundle)).await;
        assert_eq!(status, 200);
        let whole = records.iter().find(|entry| entry.record.interaction == "Batch").unwrap();
        assert_eq!(whole.record.patients, [patient]);
    });
}

#[test]
fn each_entry_of_a_batch_is_logged() {
    on_each("audit_batch", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let entry = |method: &str, url: &str| json!({"request": {"method": method, "url": url}});
        let entries = [
            entry("GET", &format!("Patient/{patient}")),
            entry("GET", "Patient/none"),
            entry("DELETE", "Patient/none"),
        ];
        let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
        let (_, records) = audited(&app, api.call("POST", "").fhir(&bundle)).await;
        let interactions: Vec<&str> = records.iter().map(|entry| entry.record.interaction.as_str()).collect();
        assert_eq!(interactions, ["Read", "Read", "Delete", "Batch"]);
        assert_eq!(records[0].record.patients, [patient.as_str()]);

        let person = Person::new();
        let post: Value = json!({"request": {"method": "POST", "url": "Patient"}, "resource": person.patient()});
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [post, entries[0]]});
        let (status, records) = audited(&app, api.call("POST", "").fhir(&bundle)).await;
        assert_eq!(status, 200);
        let resources: Vec<String> =
            records.iter().map(|entry| entry.record.detail.as_ref().unwrap()["resources"].to_string()).collect();
        let created = api.find(&format!("Patient?family={}", person.family)).await.remove(0);
        assert!(resources.iter().any(|names| names.contains(&created)), "{resources:?}");
        assert!(resources.iter().any(|names| names.contains(&patient)), "{resources:?}");
    });
}

#[test]
fn logins_consents_and_tokens_are_logged_without_their_secrets() {
    on_each("audit_smart", |app| async move {
        let patient = app.system("system/*.cruds").await.create(&Person::new().patient()).await;
        let scope = "launch/patient patient/*.rs offline_access";
        let (client, user) = (app.add_app(scope).await, app.add_clinician().await);
        let launched = app.browser().launch(&client, scope, &user, &patient).await;
        let filter = store::audit::AuditFilter { client_id: Some(client), ..Default::default() };
        let page = app.house.store.audit().page(&filter, 0, 1000).await.unwrap();
        let steps: Vec<&str> = page.entries.iter().map(|entry| entry.record.interaction.as_str()).collect();
        for step in ["Login", "Consent", "Token"] {
            assert!(steps.contains(&step), "{steps:?}");
        }
        let text = format!("{:?}", page.entries);
        for secret in [tests::PASSWORD, &launched.access_token, launched.refresh_token()] {
            assert!(!text.contains(secret));
        }
    });
}

#[test]
fn a_token_is_logged_with_the_ids_and_the_address_of_its_request() {
    on_each_own(
        "audit_token_ids",
        |config| config.server.trusted_proxies = vec!["127.0.0.1".to_owned()],
        |app| async move {
            let call = app.anonymous().call("POST", &format!("{}/auth/token", app.origin));
            let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "nobody")];
            let (status, records) = audited(&app, call.header("x-forwarded-for", "203.0.113.7").form(&form)).await;
            let record = one(&records);
            assert_eq!((status, record.interaction.as_str()), (401, "Token"));
            assert_eq!(record.correlation_id.as_deref(), Some("one-story"));
            assert_eq!(record.source_address.as_deref(), Some("203.0.113.7"));
        },
    );
}

#[test]
fn the_chain_of_the_log_is_whole() {
    on_each("audit_chain", |app| async move {
        let api = app.system("system/*.cruds").await;
        let read = async |api: Api<'_>| api.get("Patient/none").await.refused(404);
        tokio::join!(read(api.clone()), read(api.clone()), read(api.clone()), read(api.clone()));
        let verified = app.house.store.audit().verify().await.unwrap();
        assert!(verified.broken.is_none() && verified.sound >= 4, "{verified:?}");
    });
}

#[test]
fn without_the_log_nothing_is_given_out() {
    on_each_own(
        "audit_lost",
        |_| (),
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let person = Person::new();
            let id = api.create(&person.patient()).await;
            let (client, user) = (app.add_app("user/*.rs").await, app.add_clinician().await);
            app.lose_audit_log().await;
            let entry = json!({"request": {"method": "GET", "url": format!("Patient/{id}")}});
            let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]});
            for call in [
                api.call("GET", &format!("Patient/{id}")),
                api.call("GET", &format!("Patient/{id}/_history")),
                api.call("GET", &format!("Patient?_id={id}")),
                api.call("GET", "_history"),
                api.call("POST", "").fhir(&batch),
                api.call("GET", "Patient/$export"),
            ] {
                let answer = call.send().await;
                assert!(answer.header("retry-after").is_some());
                let said = answer.refused(503);
                assert!(!said.contains(&person.family) && !said.contains("audit_patient"), "{said}");
            }
            let mut browser = app.browser();
            let request = browser.request(&client, "user/*.rs", &tests::Pkce::new());
            let login = browser.log_in(&request, &user).await;
            assert!(login.status >= 500 && login.headers.get("set-cookie").is_none(), "{}", login.text());
            let metadata = app.anonymous().get("metadata").await;
            metadata.expect(200);
        },
    );
}

#[test]
fn deletes_and_writes_without_a_body_name_their_patients() {
    on_each("audit_written_patients", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let other = api.create(&Person::new().patient()).await;
        let mut resource = observation(&patient, "2345-7", "2026-01-01");
        let create = api.call("POST", "Observation").fhir(&resource).header("prefer", "return=minimal");
        let (_, records) = audited(&app, create).await;
        assert_eq!(one(&records).patients, [patient.as_str()]);
        let id = api.create(&resource).await;
        // From one to another: both records were touched.
        resource["id"] = json!(id);
        resource["subject"] = json!({"reference": format!("Patient/{other}")});
        let update = api.call("PUT", &format!("Observation/{id}")).fhir(&resource).header("prefer", "return=minimal");
        let (_, records) = audited(&app, update).await;
        let mut both = [patient.as_str(), other.as_str()];
        both.sort_unstable();
        assert_eq!(one(&records).patients, both);
        let (_, records) = audited(&app, api.call("DELETE", &format!("Observation/{id}"))).await;
        assert_eq!(one(&records).patients, [other.as_str()]);
        let (_, records) = audited(&app, api.call("DELETE", &format!("Patient/{patient}"))).await;
        assert_eq!(one(&records).patients, [patient.as_str()]);
    });
}
