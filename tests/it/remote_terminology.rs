//! A terminology server beside this one: asked where this one cannot tell, and only then.

use std::net::TcpListener;
use std::sync::Arc;

use serde_json::{Value, json};
use tests::{on_each_own, unique};

use crate::stub_server::{Asked, stub_server};

const SNOMED: &str = "http://snomed.info/sct";

/// A terminology server that knows one code of SNOMED CT; gives its URL and what it was asked.
fn server() -> (String, Asked) {
    stub_server(|request| Some(answer(request)))
}

fn answer(request: &str) -> (&'static str, String) {
    let parameters = |list: Value| json!({"resourceType": "Parameters", "parameter": list}).to_string();
    if request.contains("code=odd") {
        return ("200 OK", "<html>".to_owned());
    }
    if request.contains("$validate-code") {
        let is_known = request.contains("22298006");
        return ("200 OK", parameters(json!([{"name": "result", "valueBoolean": is_known}])));
    }
    if request.contains("$lookup?") && request.contains("22298006") {
        return (
            "200 OK",
            parameters(
                json!([{"name": "name", "valueString": "SNOMED CT"}, {"name": "display", "valueString": "Myocardial infarction"}]),
            ),
        );
    }
    ("404 Not Found", json!({"resourceType": "OperationOutcome", "issue": []}).to_string())
}

#[test]
fn what_is_not_known_here_is_asked_elsewhere() {
    let (url, asked) = server();
    let configure = move |config: &mut app::config::Config| config.terminology.server_url.clone_from(&url);
    on_each_own("remote_terminology", configure, |app| {
        let asked = Arc::clone(&asked);
        async move {
            asked.lock().unwrap().clear();
            let api = app.system("system/*.cruds").await;
            let lookup = format!("CodeSystem/$lookup?system={SNOMED}&code=22298006");
            let told = api.get(&lookup).await.expect(200).json();
            assert_eq!(told["parameter"][1]["valueString"], "Myocardial infarction");
            api.get(&lookup).await.expect(200);
            assert_eq!(asked.lock().unwrap().len(), 1, "the same is asked once");
            // What is known here stays here, and so does what is wrong.
            let role = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
            api.get(&format!("CodeSystem/$lookup?system={role}&code=MTH")).await.expect(200);
            api.get(&format!("CodeSystem/$lookup?system={role}&code=nothing")).await.refused(404);
            api.get("CodeSystem/$lookup?code=x").await.refused(400);
            app.system("system/Patient.rs").await.get(&lookup).await.refused(403);
            assert_eq!(asked.lock().unwrap().len(), 1);
            // A value set that is known here goes along.
            let set = "https://fhir.hl7.org.uk/ValueSet/UKCore-ConditionCode";
            let valid = format!("ValueSet/$validate-code?url={set}&system={SNOMED}&code=22298006");
            assert_eq!(api.get(&valid).await.expect(200).json()["parameter"][0]["valueBoolean"], true);
            let sent = asked.lock().unwrap().last().unwrap().clone();
            assert!(sent.starts_with("POST /fhir/ValueSet/$validate-code") && sent.contains(set), "{sent}");
            // The text of a concept may be about a patient.
            let concept = json!({"text": "his left hand", "coding": [{"system": SNOMED, "code": "22298006"}]});
            let body = json!({"resourceType": "Parameters", "parameter": [
                {"name": "url", "valueUri": set}, {"name": "codeableConcept", "valueCodeableConcept": concept}]});
            api.post("ValueSet/$validate-code", &body).await.expect(200);
            let sent = asked.lock().unwrap().last().unwrap().clone();
            assert!(sent.contains("codeableConcept") && !sent.contains("left hand"), "{sent}");
            // It cannot tell either, or tells nonsense.
            let refused = api.get(&format!("CodeSystem/$lookup?system={SNOMED}&code=1")).await.expect(422).json();
            assert!(refused["issue"][1]["diagnostics"].as_str().unwrap().contains("404"), "{refused}");
            api.get(&format!("CodeSystem/$lookup?system={SNOMED}&code=odd")).await.refused(422);
        }
    });
}

#[test]
fn nothing_but_codes_and_rules_leaves() {
    let (url, asked) = server();
    let configure = move |config: &mut app::config::Config| config.terminology.server_url.clone_from(&url);
    on_each_own("remote_terminology_private", configure, |app| {
        let asked = Arc::clone(&asked);
        async move {
            asked.lock().unwrap().clear();
            let api = app.system("system/*.cruds").await;
            let set = "https://fhir.hl7.org.uk/ValueSet/UKCore-ConditionCode";
            let coding = json!({"system": SNOMED, "code": "22298006", "display": "Secret",
                "extension": [{"url": "https://example.org/x", "valueString": "Secret"}]});
            let body = json!({"resourceType": "Parameters", "parameter": [
                {"name": "url", "valueUri": set}, {"name": "coding", "valueCoding": coding},
                {"name": "note", "valueString": "Secret"},
                {"name": "subject", "resource": {"resourceType": "Patient", "name": [{"family": "Secret"}]}}]});
            let call = api.call("POST", "ValueSet/$validate-code").header("prefer", "handling=lenient");
            call.fhir(&body).send().await.expect(200);
            let own = json!({"resourceType": "ValueSet", "status": "active", "name": "Secret", "description": "Secret",
                "contact": [{"name": "Secret"}], "compose": {"include": [{"system": SNOMED, "filter":
                    [{"property": "concept", "op": "is-a", "value": "404684003"}]}]}});
            let body = json!({"resourceType": "Parameters", "parameter": [
                {"name": "valueSet", "resource": own}, {"name": "coding", "valueCoding": coding}]});
            api.post("ValueSet/$validate-code", &body).await.expect(200);
            let sent = asked.lock().unwrap().clone();
            assert_eq!(sent.len(), 2, "{sent:?}");
            assert!(sent[1].contains("404684003"), "{sent:?}");
            assert!(sent.iter().all(|one| one.contains("22298006") && !one.contains("Secret")), "{sent:?}");
            // What was read to ask is in the audit record.
            let stored = json!({"resourceType": "ValueSet", "url": "http://test/findings", "status": "active",
                "compose": {"include": [{"system": SNOMED, "filter":
                    [{"property": "concept", "op": "is-a", "value": "404684003"}]}]}});
            let id = api.create(&stored).await;
            let valid = format!("ValueSet/{id}/$validate-code?system={SNOMED}&code=22298006");
            let request_id = unique("request");
            api.call("GET", &valid).header("x-request-id", &request_id).send().await.expect(200);
            let records = app.audited(&request_id).await;
            assert!(format!("{records:?}").contains(&format!("ValueSet/{id}")), "{records:?}");
            asked.lock().unwrap().clear();
            // Without the words it would be another question.
            api.get(&format!("ValueSet/$expand?url={set}&filter=Secret")).await.refused(422);
            assert!(asked.lock().unwrap().is_empty());
        }
    });
}

#[test]
fn a_terminology_server_that_is_down_or_inside_is_no_answer() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down = move |config: &mut app::config::Config| config.terminology.server_url = format!("http://{closed}/fhir");
    on_each_own("remote_terminology_down", down, |app| async move {
        let api = app.system("system/*.rs").await;
        let refused = api.get(&format!("CodeSystem/$lookup?system={SNOMED}&code=1")).await.expect(422).json();
        assert!(refused["issue"][1]["diagnostics"].as_str().unwrap().contains("did not answer"), "{refused}");
    });
    let (url, asked) = server();
    let guarded = move |config: &mut app::config::Config| {
        config.terminology.server_url.clone_from(&url);
        config.outbound.private_addresses = false;
    };
    on_each_own("remote_terminology_guarded", guarded, |app| async move {
        let api = app.system("system/*.rs").await;
        api.get(&format!("CodeSystem/$lookup?system={SNOMED}&code=22298006")).await.refused(422);
    });
    assert!(asked.lock().unwrap().is_empty());
}
