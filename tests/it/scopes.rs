//! Scopes, v1 and v2, are what a token can do and no more, inside a batch too.

use serde_json::json;
use tests::{Api, Person, on_each};

/// Which of create, read, update, delete and search a token may do with Patients.
async fn can(api: &Api<'_>, all: &Api<'_>) -> String {
    let mut patient = Person::new().patient();
    let id = all.create(&patient).await;
    let path = format!("Patient/{id}");
    let bundle = |method: &str, url: &str, resource: Option<&serde_json::Value>| {
        let mut entry = json!({"request": {"method": method, "url": url}});
        if let Some(resource) = resource {
            entry["resource"] = resource.clone();
        }
        json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    };
    let created = api.post("Patient", &Person::new().patient()).await.status;
    let read = [
        api.get(&path).await.status,
        api.get(&format!("{path}/_history/1")).await.status,
        api.get(&format!("{path}/_history")).await.status,
    ];
    let searched = [
        api.get(&format!("Patient?_id={id}")).await.status,
        api.call("POST", "Patient/_search").form(&[("_id", &id)]).send().await.status,
        api.get("Patient/_history?_count=1").await.status,
    ];
    patient["id"] = json!(id);
    patient["gender"] = json!("other");
    let updated = api.put(&path, &patient).await.status;
    let batched = [
        ("c", bundle("POST", "Patient", Some(&Person::new().patient()))),
        ("r", bundle("GET", &path, None)),
        ("r", bundle("GET", &format!("{path}/_history/1"), None)),
        ("r", bundle("GET", &format!("{path}/_history"), None)),
        ("u", bundle("PUT", &path, Some(&patient))),
        ("s", bundle("GET", &format!("Patient?_id={id}"), None)),
        ("s", bundle("POST", "Patient/_search", None)),
        ("s", bundle("GET", "Patient/_history", None)),
        ("d", bundle("DELETE", &path, None)),
    ];
    let mut in_batch = Vec::new();
    for (letter, bundle) in batched {
        let answer = api.post("", &bundle).await.expect(200).json();
        let status = answer["entry"][0]["response"]["status"].as_str().unwrap()[..3].to_owned();
        in_batch.push((letter, status.parse::<u16>().unwrap()));
    }
    let deleted = api.delete(&path).await.status;
    let mut letters = String::new();
    for (letter, statuses) in [
        ("c", vec![created]),
        ("r", read.to_vec()),
        ("u", vec![updated]),
        ("d", vec![deleted]),
        ("s", searched.to_vec()),
    ] {
        let mut statuses = statuses;
        statuses.extend(in_batch.iter().filter(|(of, _)| *of == letter).map(|(_, status)| *status));
        let is_refused = statuses.contains(&403);
        assert!(is_refused == statuses.iter().all(|status| *status == 403), "{letter}: {statuses:?}");
        if !is_refused {
            letters.push_str(letter);
        }
    }
    letters
}

#[test]
fn a_token_can_do_what_its_scopes_say() {
    on_each("scopes", |app| async move {
        let all = app.system("system/*.cruds").await;
        for (scope, expected) in [
            ("system/Patient.cruds", "cruds"),
            ("system/Patient.*", "cruds"),
            ("system/Patient.read", "rs"),
            ("system/*.read", "rs"),
            ("system/Patient.write", "cud"),
            ("system/Patient.rs", "rs"),
            ("system/Patient.r", "r"),
            ("system/Patient.s", "s"),
            ("system/Patient.c", "c"),
            ("system/Patient.u system/Patient.d", "ud"),
            ("system/Observation.cruds", ""),
        ] {
            let api = app.system(scope).await;
            assert_eq!(can(&api, &all).await, expected, "{scope}");
        }
    });
}

#[test]
fn a_write_gives_back_only_what_may_be_read() {
    on_each("scopes_write_only", |app| async move {
        let api = app.system("system/Patient.cu").await;
        let created = api.post("Patient", &Person::new().patient()).await.expect(201);
        assert!(created.body.is_empty(), "{}", created.text());
        assert!(created.header("location").is_some());
    });
}

#[test]
fn a_backend_token_holds_what_was_asked_and_registered() {
    on_each("scopes_narrowed", |app| async move {
        let service =
            app.add_service("system/Patient.rs system/Observation.rs", app::cli::ClientPurpose::DirectCare).await;
        let ask = async |scope: &str| {
            let assertion = service.key.sign(&tests::assertion_claims(&service.client_id, &app.token_url()));
            app.ask_backend_token(&assertion, scope).await
        };
        let scopes = async |asked: &str| ask(asked).await.expect(200).json()["scope"].as_str().unwrap().to_owned();
        assert_eq!(scopes("system/Patient.rs").await, "system/Patient.rs");
        assert_eq!(scopes("system/Patient.cruds").await, "system/Patient.rs");
        let mut all: Vec<String> = scopes("system/*.rs").await.split(' ').map(str::to_owned).collect();
        all.sort();
        assert_eq!(all, ["system/Observation.rs", "system/Patient.rs"]);
        for refused in ["system/Encounter.rs", "user/Patient.rs", "nonsense", "system/Patient.rs?_id=1"] {
            let answer = ask(refused).await;
            assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_scope")), "{refused}");
        }
    });
}

#[test]
fn who_asks_for_every_feed_gets_the_feeds_it_has() {
    on_each("scopes_feeds", |app| async move {
        for (registered, given) in [
            ("weir/feed.acute-hl7v2 weir/feed.gp-connect", Some("weir/feed.acute-hl7v2 weir/feed.gp-connect")),
            ("weir/feed.*", Some("weir/feed.*")),
            ("system/Patient.rs", None),
        ] {
            let service = app.add_service(registered, app::cli::ClientPurpose::DirectCare).await;
            let assertion = service.key.sign(&tests::assertion_claims(&service.client_id, &app.token_url()));
            let answer = app.ask_backend_token(&assertion, "weir/feed.*").await.json();
            assert_eq!(answer["scope"].as_str(), given, "{answer}");
            assert_eq!(answer["error"].as_str(), given.is_none().then_some("invalid_scope"));
        }
    });
}

#[test]
fn user_scopes_need_a_user_and_system_scopes_none() {
    on_each("scopes_user", |app| async move {
        let patient = app.system("system/*.cruds").await.create(&Person::new().patient()).await;
        let api = app.launched("user/Patient.r", "").await;
        api.get(&format!("Patient/{patient}")).await.expect(200);
        api.get(&format!("Patient?_id={patient}")).await.refused(403);
        api.get("Observation/none").await.refused(403);
        api.post("Patient", &Person::new().patient()).await.refused(403);
        api.get("Patient/$export").await.refused(403);
    });
}
