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

/// An answer of the other server to any question, and what its client is told; `None`: it says nothing.
async fn told(app: &tests::TestApp, question: &str) -> (u16, String) {
    let answer = app.system("system/*.rs").await.get(question).await;
    (answer.status, answer.text())
}

fn answering(
    name: &str,
    said: impl Fn() -> Option<(&'static str, String)> + Send + Sync + 'static,
) -> (String, Asked, String) {
    let (url, asked) = stub_server(move |_| said());
    (url, asked, name.to_owned())
}

/// Runs questions against a server that always answers the same.
fn check(name: &str, said: Option<(&'static str, String)>, questions: &[(&str, u16, &[&str])]) -> Asked {
    let (url, asked, name) = answering(name, move || said.clone());
    let configure = move |config: &mut app::config::Config| config.terminology.server_url.clone_from(&url);
    let questions: Vec<(String, u16, Vec<String>)> = questions
        .iter()
        .map(|(question, status, parts)| {
            ((*question).to_owned(), *status, parts.iter().map(|part| (*part).to_owned()).collect())
        })
        .collect();
    on_each_own(&name, configure, |app| {
        let questions = questions.clone();
        async move {
            for (question, status, parts) in questions {
                let (found, text) = told(&app, &question).await;
                assert_eq!(found, status, "{question}: {text}");
                assert!(parts.iter().all(|part| text.contains(part)), "{question}: {parts:?}: {text}");
                assert!(!text.contains("SECRET"), "{question}: {text}");
            }
        }
    });
    asked
}

fn parameters(list: Value) -> Option<(&'static str, String)> {
    Some(("200 OK", json!({"resourceType": "Parameters", "id": "SECRET", "parameter": list}).to_string()))
}

const LOOKUP: &str = "CodeSystem/$lookup?system=http://snomed.info/sct&code=22298006";
const VALIDATE: &str = "CodeSystem/$validate-code?url=http://snomed.info/sct&code=22298006";
const SUBSUMES: &str = "CodeSystem/$subsumes?system=http://snomed.info/sct&codeA=22298006&codeB=22298006";
const TRANSLATE: &str = "ConceptMap/$translate?url=http://weir.example/map&system=http://snomed.info/sct&code=22298006";
const EXPAND: &str = "ValueSet/$expand?url=http://weir.example/not-here";
const NOT_THAT: &str = "something else than was asked for";

#[test]
fn an_answer_is_made_anew_of_what_the_operation_may_answer() {
    let secret = json!({"name": "issues", "resource": {"resourceType": "OperationOutcome", "issue": [
        {"severity": "error", "code": "invalid", "diagnostics": "SECRET"}]}});
    let property = json!({"name": "property", "part": [{"name": "code", "valueCode": "parent"},
        {"name": "value", "valueCode": "57809008", "extension": [{"url": "urn:x", "valueString": "SECRET"}]}, {"name": "source", "valueString": "SECRET"}]});
    let designation = json!({"name": "designation", "part": [{"name": "language", "valueCode": "en"}, {"name": "value", "valueString": "Heart attack"}]});
    let display = json!({"name": "display", "valueString": "Myocardial infarction"});
    let named = json!({"name": "name", "valueString": "SNOMED CT"});
    check(
        "remote_lookup",
        parameters(json!([named, display, designation, property, secret])),
        &[
            (LOOKUP, 200, &["Myocardial infarction", "Heart attack", "57809008"]),
            // It is no answer to anything else.
            (VALIDATE, 422, &[NOT_THAT]),
            (SUBSUMES, 422, &[NOT_THAT]),
            (TRANSLATE, 404, &[NOT_THAT]),
            (EXPAND, 404, &[NOT_THAT]),
        ],
    );
    check(
        "remote_validate",
        parameters(
            json!([{"name": "result", "valueBoolean": false}, {"name": "message", "valueString": "no"}, secret]),
        ),
        &[
            (VALIDATE, 200, &["\"valueBoolean\":false", "\"no\""]),
            (LOOKUP, 422, &[NOT_THAT]),
            (SUBSUMES, 422, &[NOT_THAT]),
        ],
    );
    check(
        "remote_subsumes",
        parameters(json!([{"name": "outcome", "valueCode": "equivalent"}, secret])),
        &[(SUBSUMES, 200, &["equivalent"])],
    );
    let concept = json!({"name": "concept", "valueCoding": {"system": "urn:x", "code": "I21", "id": "SECRET"}});
    let equivalence = json!({"name": "equivalence", "valueCode": "wider"});
    let found = json!({"name": "match", "part": [equivalence, concept, secret]});
    let result = json!({"name": "result", "valueBoolean": true});
    check("remote_translate", parameters(json!([result, found])), &[(TRANSLATE, 200, &["wider", "I21"])]);
    // R4 does not ask for an equivalence.
    let found = json!({"name": "match", "part": [concept]});
    check("remote_translate_bare", parameters(json!([result, found])), &[(TRANSLATE, 200, &["I21"])]);
    // A map whose match says nothing of how it matches could say the opposite.
    let found = json!({"name": "match", "part": [{"name": "equivalence", "valueCode": "SECRET"}, concept]});
    check("remote_translate_odd", parameters(json!([result, found])), &[(TRANSLATE, 404, &[NOT_THAT])]);
    for (place, wrong) in [
        json!([{"name": "result", "valueString": "false"}]),
        json!([{"name": "result", "valueBoolean": true}, {"name": "result", "valueBoolean": false}]),
        json!([{"name": "message", "valueString": "no result"}]),
        json!([{"name": "result", "valueBoolean": true}, {"name": "display", "valueString": ""}]),
        json!("SECRET"),
    ]
    .into_iter()
    .enumerate()
    {
        check(&format!("remote_validate_{place}"), parameters(wrong), &[(VALIDATE, 422, &[NOT_THAT])]);
    }
}

#[test]
fn an_expansion_from_elsewhere_keeps_its_codes_and_says_when_it_is_not_whole() {
    let set = |expansion: Value| {
        let text = json!({"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">SECRET</div>"});
        Some(("200 OK", json!({"resourceType": "ValueSet", "text": text, "publisher": "SECRET", "url": "http://weir.example/not-here",
            "status": "active", "expansion": expansion}).to_string()))
    };
    let below = json!({"system": "urn:x", "code": "b", "display": "Below", "designation": [{"language": "cy", "value": "Isod"}]});
    let whole = json!({"timestamp": "2026-01-01", "total": 2, "contains": [{"system": "urn:x", "code": "a", "contains": [below]}]});
    check(
        "remote_expand",
        set(whole),
        &[(EXPAND, 200, &["\"a\"", "\"Isod\"", "2026-01-01"]), (LOOKUP, 422, &[NOT_THAT])],
    );
    let part = json!({"timestamp": "2026-01-01", "contains": [{"system": "urn:x", "code": "a"}], "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/valueset-toocostly", "valueBoolean": true}, {"url": "urn:x", "valueString": "SECRET"}]});
    check("remote_expand_part", set(part), &[(EXPAND, 200, &["valueset-toocostly"])]);
    let many: Vec<Value> = (0..10_001).map(|number| json!({"system": "urn:x", "code": format!("c{number}")})).collect();
    for (place, wrong) in [
        json!({"timestamp": "2026-01-01", "contains": many}),
        json!({"timestamp": "2026-01-01", "contains": [{"system": "urn:x"}]}),
        json!({"timestamp": "2026-01-01", "contains": [{"system": "urn:x", "code": 7}]}),
        json!({"timestamp": "2026-01-01", "contains": [{"system": "urn:x", "code": "a", "modifierExtension": [{"url": "urn:not"}]}]}),
        Value::Null,
    ].into_iter().enumerate() {
        check(&format!("remote_expand_{place}"), set(wrong), &[(EXPAND, 404, &[NOT_THAT])]);
    }
}

#[test]
fn a_server_that_fails_is_no_answer_and_gets_no_credentials() {
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception", "diagnostics": "SECRET"}]});
    let outcome = outcome.to_string();
    let huge = json!({"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": true},
        {"name": "message", "valueString": "x".repeat(9_000_000)}]});
    let failures = [
        ("500 Internal Server Error", outcome.clone(), "status 500"),
        ("401 Unauthorized", outcome.clone(), "status 401"),
        ("422 Unprocessable Entity", outcome, "status 422"),
        ("302 Found\r\nlocation: http://127.0.0.1:9/SECRET", String::new(), "status 302"),
        ("200 OK", "{\"resourceType\": ".to_owned(), NOT_THAT),
        ("200 OK", huge.to_string(), "did not answer"),
    ];
    for (place, (status, body, said)) in failures.into_iter().enumerate() {
        let asked = check(
            &format!("remote_failure_{place}"),
            Some((status, body)),
            &[(VALIDATE, 422, &[said]), (LOOKUP, 422, &[said])],
        );
        let sent = asked.lock().unwrap().clone();
        assert!(!sent.is_empty());
        for request in &sent {
            let head = request.to_lowercase();
            assert!(
                !head.contains("authorization") && !head.contains("bearer") && !head.contains("cookie"),
                "{request}"
            );
        }
    }
    // It has five seconds.
    check("remote_failure_slow", None, &[(VALIDATE, 422, &["did not answer"])]);
}
