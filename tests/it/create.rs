//! Create, also conditional, and what a write answers with.

use futures_util::future::join_all;
use serde_json::json;
use tests::{Person, observation, on_each, unique};

#[test]
fn a_create_says_where_the_resource_is() {
    on_each("create", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        patient["id"] = json!("chosen-by-the-client");
        let created = api.post("Patient", &patient).await.expect(201);
        let id = created.json()["id"].as_str().unwrap().to_owned();
        assert_ne!(id, "chosen-by-the-client", "the id of a create is the server's");
        assert_eq!(created.header("etag"), Some("W/\"1\""));
        let location = format!("{}/Patient/{id}/_history/1", app.base_url);
        assert_eq!(created.header("location"), Some(location.as_str()));
        assert!(created.header("last-modified").is_some());
        let there = api.get(&location).await.expect(200);
        assert_eq!(there.body, created.body);
    });
}

#[test]
fn what_was_sent_is_what_is_stored() {
    on_each("create_bytes", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let sent = format!(
            r#"{{"resourceType":"Observation","status":"final","extension":[{{"url":"http://example.org/unknown","valueDecimal":1.10}}],
            "code":{{"coding":[{{"system":"http://loinc.org","code":"2345-7"}}]}},"subject":{{"reference":"Patient/{patient}"}},
            "effectiveDateTime":"2026-01-01","valueQuantity":{{"value":6.100}}}}"#
        );
        let created = api.call("POST", "Observation").body("application/json", sent).send().await.expect(201);
        let text = created.text();
        assert!(text.contains("\"valueDecimal\":1.10") && text.contains("\"value\":6.100"), "{text}");
    });
}

#[test]
fn prefer_return_says_what_comes_back() {
    on_each("create_prefer", |app| async move {
        let api = app.system("system/*.cruds").await;
        let call = |prefer: &str| api.call("POST", "Patient").fhir(&Person::new().patient()).header("prefer", prefer);
        assert!(call("return=minimal").send().await.expect(201).body.is_empty());
        assert_eq!(call("return=representation").send().await.expect(201).json()["resourceType"], "Patient");
        let outcome = call("return=OperationOutcome").send().await.expect(201);
        assert_eq!(outcome.json()["resourceType"], "OperationOutcome");
        // RFC 7240 section 2: it is a preference.
        call("return=everything").send().await.expect(201);
        call("something-else").send().await.expect(201);
    });
}

#[test]
fn a_conditional_create_makes_one_resource() {
    on_each("create_conditional", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let condition = format!("identifier=https://fhir.nhs.uk/Id/nhs-number|{}", person.nhs_number);
        let call = || api.call("POST", "Patient").fhir(&person.patient()).header("if-none-exist", &condition).send();
        let (first, second) = tokio::join!(call(), call());
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201]);
        assert_eq!(first.json()["id"], second.json()["id"]);
        assert_eq!(api.find(&format!("Patient?{condition}")).await.len(), 1);

        api.create(&person.patient()).await;
        call().await.refused(412);
        let bad = api.call("POST", "Patient").fhir(&person.patient()).header("if-none-exist", "nonsense=1");
        assert!(bad.send().await.refused(400).contains("nonsense"));
    });
}

#[test]
fn a_conditional_create_does_not_tell_of_what_the_token_cannot_see() {
    on_each("create_conditional_hidden", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mine = api.create(&Person::new().patient()).await;
        let other = api.create(&Person::new().patient()).await;
        let code = unique("code");
        let hidden = api.create(&observation(&other, &code, "2026-01-01")).await;
        let launched = app.launched("launch/patient patient/*.cruds", &mine).await;
        let call = launched.call("POST", "Observation").fhir(&observation(&mine, &code, "2026-01-01"));
        let created = call.header("if-none-exist", &format!("code={code}")).send().await;
        assert!(!created.text().contains(&hidden), "{}", created.text());
        assert!(created.header("location").is_none_or(|location| !location.contains(&hidden)));
        assert_eq!(created.status, 201, "the other person's resource is not there for this token");
    });
}

#[test]
fn of_fifty_identical_conditional_creates_at_once_one_creates() {
    on_each("create_conditional_50", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let condition = format!("identifier={}", person.nhs_number);
        let call = || api.call("POST", "Patient").fhir(&person.patient()).header("if-none-exist", &condition).send();
        let answers = join_all((0..50).map(|_| call())).await;
        let created = answers.iter().filter(|answer| answer.status == 201).count();
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201)));
        assert_eq!(created, 1);
        assert_eq!(api.find(&format!("Patient?{condition}")).await.len(), 1);
    });
}

#[test]
fn a_question_mark_in_a_value_begins_no_query() {
    on_each("create_conditional_mark", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        let value = format!("{}?x", unique("mark"));
        patient["identifier"] = json!([{"system": "http://example.org/a?b", "value": value}]);
        for condition in [format!("identifier=http://example.org/a?b|{value}"), format!("Patient?identifier={value}")] {
            let call = api.call("POST", "Patient").fhir(&patient).header("if-none-exist", &condition);
            assert!(matches!(call.send().await.status, 200 | 201), "{condition}");
        }
        assert_eq!(api.find(&format!("Patient?identifier={value}")).await.len(), 1);
    });
}
