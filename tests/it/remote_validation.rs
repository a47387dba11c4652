//! Validation in two phases: what the definitions do not tell is asked of the terminology server, in time or not at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use app::config::Config;
use profiles::Validator;
use serde_json::{Value, json};
use tests::{Api, TestApp, on_each_own};

use crate::stub_server::{Asked, stub_server};

const SNOMED: &str = "http://snomed.info/sct";
const INFARCTION: &str = "22298006";
const DIABETES: &str = "73211009";
const ASTHMA: &str = "195967001";
const PROFILE: &str = "http://weir.example/StructureDefinition/FindingBasic";
/// How long a server that was late is left alone; a machine that stands still may take longer than that.
const SILENCE: Duration = Duration::from_secs(30);
const FINDINGS: &str = "http://weir.example/ValueSet/findings";

/// Knows two codes, of which one is in the value set.
fn answer(request: &str) -> (&'static str, String) {
    let parameters = |list: Value| ("200 OK", json!({"resourceType": "Parameters", "parameter": list}).to_string());
    let is_known = request.contains(INFARCTION) || request.contains(DIABETES);
    if request.contains("/$lookup") && is_known {
        let display = if request.contains(INFARCTION) { "Myocardial infarction" } else { "Diabetes mellitus" };
        let synonym = json!([{"name": "value", "valueString": "Heart attack"}]);
        return parameters(
            json!([{"name": "display", "valueString": display}, {"name": "designation", "part": synonym}]),
        );
    }
    if request.contains("/$validate-code") {
        let is_in = if request.contains("ValueSet/") { request.contains(INFARCTION) } else { is_known };
        return parameters(json!([{"name": "result", "valueBoolean": is_in}]));
    }
    ("404 Not Found", json!({"resourceType": "OperationOutcome", "issue": []}).to_string())
}

/// Lets a Basic be held against a profile whose code must be of a value set of findings.
fn define(app: &TestApp) {
    let own = json!({"resourceType": "StructureDefinition", "url": PROFILE, "name": "FindingBasic", "status": "active",
        "kind": "resource", "abstract": false, "type": "Basic", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Basic",
        "differential": {"element": [{"id": "Basic", "path": "Basic"}, {"id": "Basic.code", "path": "Basic.code",
            "binding": {"strength": "required", "valueSet": FINDINGS}}]}});
    let findings = json!({"resourceType": "ValueSet", "url": FINDINGS, "status": "active", "compose": {"include":
        [{"system": SNOMED, "filter": [{"property": "concept", "op": "is-a", "value": "404684003"}]}]}});
    let definitions = app.house.validators.get().definitions().with_overlay(vec![own, findings]).unwrap();
    app.house.validators.set(Arc::new(Validator::new(Arc::new(definitions))));
}

fn basic(code: &str, display: Option<&str>) -> Value {
    let mut coding = json!({"system": SNOMED, "code": code});
    if let Some(display) = display {
        coding["display"] = json!(display);
    }
    json!({"resourceType": "Basic", "meta": {"profile": [PROFILE]}, "code": {"coding": [coding], "text": "Secret"},
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Secret</div>"}})
}

fn asking(url: &str, timeout_ms: u64) -> impl Fn(&mut Config) {
    let url = url.to_owned();
    move |config| {
        config.terminology.server_url.clone_from(&url);
        config.terminology.validation_timeout_ms = timeout_ms;
    }
}

/// Runs a test beside a terminology server that answers so, on each database; it is asked nothing yet.
fn beside<F: Future<Output = ()>>(
    name: &str,
    timeout_ms: u64,
    answer: impl Fn(&str) -> Option<(&'static str, String)> + Send + Sync + 'static,
    test: impl Fn(Arc<TestApp>, Asked) -> F,
) -> Asked {
    let (url, asked) = stub_server(answer);
    on_each_own(name, asking(&url, timeout_ms), |app| {
        define(&app);
        asked.lock().unwrap().clear();
        test(app, Arc::clone(&asked))
    });
    asked
}

/// Severity, code and words of the issues of `$validate`.
async fn issues(api: &Api<'_>, resource: &Value) -> Vec<(String, String, String)> {
    let outcome = api.post("Basic/$validate", resource).await.expect(200).json();
    let text = |issue: &Value, name: &str| issue[name].as_str().unwrap_or_default().to_owned();
    let list = outcome["issue"].as_array().unwrap();
    list.iter().map(|one| (text(one, "severity"), text(one, "code"), text(one, "diagnostics"))).collect()
}

fn count(asked: &Asked) -> usize {
    asked.lock().unwrap().len()
}

/// The notes that codes of SNOMED CT are not checked.
fn not_checked(issues: &[(String, String, String)]) -> usize {
    let is_note = |(severity, _, text): &&(String, String, String)| severity == "information" && text.contains(SNOMED);
    issues.iter().filter(is_note).count()
}

fn has(issues: &[(String, String, String)], severity: &str, text: &str) -> bool {
    issues.iter().any(|one| one.0 == severity && one.2.contains(text))
}

#[test]
fn codes_that_are_not_known_here_are_asked_elsewhere() {
    beside(
        "remote_validation",
        20_000,
        |request| Some(answer(request)),
        |app, asked| {
            async move {
                let api = app.system("system/*.cruds").await;
                let (good, other) = (basic(INFARCTION, None), basic(DIABETES, None));
                api.create(&good).await;
                assert_eq!(count(&asked), 2, "whether it is in the value set, and what it means");
                api.create(&good).await;
                assert_eq!(not_checked(&issues(&api, &good).await), 0);
                assert_eq!(count(&asked), 2, "the same is asked once");
                // A code of the system that is not in the value set, on every way in.
                let refused = api.post("Basic", &other).await.expect(422).json();
                assert!(refused.to_string().contains(FINDINGS), "{refused}");
                let entry =
                    |resource: &Value| json!({"resource": resource, "request": {"method": "POST", "url": "Basic"}});
                let bundle = |kind: &str, list: Value| json!({"resourceType": "Bundle", "type": kind, "entry": list});
                api.post("", &bundle("transaction", json!([entry(&good), entry(&other)]))).await.refused(422);
                let batch =
                    api.post("", &bundle("batch", json!([entry(&good), entry(&other)]))).await.expect(200).json();
                assert_eq!(batch["entry"][0]["response"]["status"], "201 Created", "{batch}");
                assert!(batch["entry"][1]["response"]["status"].as_str().unwrap().starts_with("422"), "{batch}");
                let id = api.create(&good).await;
                let patch = json!([{"op": "replace", "path": "/code/coding/0/code", "value": DIABETES}]);
                let call = api.call("PATCH", &format!("Basic/{id}"));
                call.body("application/json-patch+json", patch.to_string()).send().await.refused(422);
                assert!(has(&issues(&api, &other).await, "error", FINDINGS));
                // A code that the system does not have.
                let none = issues(&api, &basic(ASTHMA, None)).await;
                assert!(has(&none, "warning", "is not one of the code system"), "{none:?}");
                // The words are compared here: they never leave.
                for (display, is_right) in [("myocardial  infarction", true), ("Heart attack", true), ("Secret", false)]
                {
                    let told = issues(&api, &basic(INFARCTION, Some(display))).await;
                    assert_eq!(
                        !has(&told, "warning", "the display is not that of the code"),
                        is_right,
                        "{display}: {told:?}"
                    );
                }
                let sent = asked.lock().unwrap().clone();
                assert!(sent.iter().all(|one| !one.contains("Secret") && !one.contains("Basic")), "{sent:?}");
                // What has not the form of a code of the system may be anything, as somebody's number.
                let before = count(&asked);
                for code in ["9990000018", "Secret", "123456789", "404684003|Secret|"] {
                    issues(&api, &basic(code, None)).await;
                }
                let elsewhere =
                    json!({"resourceType": "Basic", "code": {"coding": [{"system": "urn:weir:own", "code": "x1"}]}});
                issues(&api, &elsewhere).await;
                assert_eq!(count(&asked), before, "{:?}", asked.lock().unwrap().last());
            }
        },
    );
}

#[test]
fn records_of_a_feed_are_asked_about_by_their_codes_alone() {
    beside(
        "remote_validation_feed",
        20_000,
        |request| Some(answer(request)),
        |app, asked| async move {
            let record = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/app/demo/gp/gp-1003.json");
            let record: Value = serde_json::from_str(&std::fs::read_to_string(record).unwrap()).unwrap();
            let sender = app.system("weir/feed.gp-connect").await;
            let told = sender.post("$feed/gp-connect", &record).await.expect(200).json();
            assert!(!told.to_string().contains("quarantine-"), "{told}");
            let sent = asked.lock().unwrap().clone();
            assert!(!sent.is_empty());
            let patient =
                record["entry"].as_array().unwrap().iter().find(|one| one["resource"]["resourceType"] == "Patient");
            let patient = &patient.unwrap()["resource"];
            let (family, number) = (&patient["name"][0]["family"], &patient["identifier"][0]["value"]);
            for text in [family, number].map(|text| text.as_str().unwrap()) {
                assert!(sent.iter().all(|one| !one.contains(text)), "{sent:?}");
            }
        },
    );
}

#[test]
fn a_server_that_is_slow_or_gone_holds_up_no_write() {
    beside(
        "remote_validation_slow",
        300,
        |_| None,
        |app, asked| {
            async move {
                let api = app.system("system/*.cruds").await;
                let began = Instant::now();
                api.create(&basic(INFARCTION, None)).await;
                let told = issues(&api, &basic(DIABETES, None)).await;
                assert!(not_checked(&told) == 1 && has(&told, "information", "could not be checked"), "{told:?}");
                api.create(&basic(ASTHMA, None)).await;
                // Without the deadline of validation each would have waited for that of the call, and asked again.
                let is_left_alone = began.elapsed() < SILENCE;
                assert!(!is_left_alone || count(&asked) == 2, "who did not answer in time is left alone for a while");
            }
        },
    );
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    on_each_own("remote_validation_gone", asking(&format!("http://{closed}/fhir"), 2_000), |app| async move {
        define(&app);
        let api = app.system("system/*.cruds").await;
        for code in [INFARCTION, DIABETES, ASTHMA] {
            api.create(&basic(code, None)).await;
            assert_eq!(not_checked(&issues(&api, &basic(code, None)).await), 1);
        }
    });
}

#[test]
fn what_is_no_answer_makes_no_error() {
    let nonsense: [(&'static str, &'static str, bool); 4] = [
        ("200 OK", "<html>", true),
        (
            "200 OK",
            "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"result\",\"valueString\":\"false\"}]}",
            false,
        ),
        // It knows no such code system, and says no to all its codes.
        (
            "200 OK",
            "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"result\",\"valueBoolean\":false},{\"name\":\"x-caused-by-unknown-system\",\"valueCanonical\":\"http://snomed.info/sct\"}]}",
            false,
        ),
        ("500 Internal Server Error", "", true),
    ];
    for (status, body, is_silenced) in nonsense {
        beside(
            "remote_validation_nonsense",
            20_000,
            move |_| Some((status, body.to_owned())),
            |app, asked| {
                async move {
                    let api = app.system("system/*.cruds").await;
                    let began = Instant::now();
                    for code in [INFARCTION, DIABETES, ASTHMA] {
                        api.create(&basic(code, None)).await;
                        assert_eq!(not_checked(&issues(&api, &basic(code, None)).await), 1, "{status} {body}");
                    }
                    // Three failures in a row are enough; those that were under way by then still came.
                    let is_left_alone = is_silenced && began.elapsed() < SILENCE;
                    assert!(!is_left_alone || count(&asked) <= 4, "{status}: {}", count(&asked));
                }
            },
        );
    }
}

#[test]
fn no_question_of_a_client_switches_off_the_checks_of_others() {
    beside(
        "remote_validation_unfit",
        20_000,
        |request| {
            if !request.contains("$expand") {
                return Some(answer(request));
            }
            if request.contains("down") {
                return Some(("500 Internal Server Error", String::new()));
            }
            let padding = if request.contains("huge") { "x".repeat(9_000_000) } else { String::new() };
            let many: Vec<Value> =
                (0..10_001).map(|number| json!({"system": SNOMED, "code": format!("c{number}")})).collect();
            let set = json!({"resourceType": "ValueSet", "status": "active", "name": padding,
                "expansion": {"timestamp": "2026-01-01", "contains": many}});
            Some(("200 OK", set.to_string()))
        },
        |app, asked| async move {
            let api = app.system("system/*.cruds").await;
            for set in ["a", "b", "c", "huge-a", "huge-b", "huge-c"] {
                let question = format!("ValueSet/$expand?url=http://weir.example/ValueSet/{set}&count=20000");
                api.get(&question).await.refused(404);
                let sent = asked.lock().unwrap().last().unwrap().clone();
                assert!(sent.contains("count=10000 "), "{sent}");
            }
            for set in ["down-a", "down-b", "down-c"] {
                api.get(&format!("ValueSet/$expand?url=http://weir.example/ValueSet/{set}")).await.refused(404);
            }
            api.post("Basic", &basic(DIABETES, None)).await.refused(422);
        },
    );
}

#[test]
fn words_from_elsewhere_are_text() {
    let words = json!([{"name": "display", "valueString": "Dia\u{1b}[31mbetes"},
        {"name": "designation", "part": [{"name": "value", "valueString": "Sugar"}]}]);
    beside(
        "remote_validation_words",
        20_000,
        move |request| {
            let words = json!({"resourceType": "Parameters", "parameter": words});
            Some(if request.contains("$lookup") { ("200 OK", words.to_string()) } else { answer(request) })
        },
        |app, _| async move {
            let api = app.system("system/*.cruds").await;
            let told = issues(&api, &basic(INFARCTION, Some("Secret"))).await;
            assert!(has(&told, "warning", "Sugar") && !has(&told, "warning", "\u{1b}"), "{told:?}");
        },
    );
}

#[test]
fn nobody_is_asked_where_configuration_says_so() {
    let asked = beside(
        "remote_validation_off",
        0,
        |request| Some(answer(request)),
        |app, _| async move {
            let api = app.system("system/*.cruds").await;
            api.create(&basic(DIABETES, None)).await;
            let told = issues(&api, &basic(DIABETES, None)).await;
            assert!(not_checked(&told) == 1 && has(&told, "information", "are not checked"), "{told:?}");
        },
    );
    assert_eq!(count(&asked), 0);
}
