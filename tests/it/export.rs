//! Bulk export over HTTP, and who is not in it. <https://hl7.org/fhir/uv/bulkdata/STU2/export.html>

use std::sync::Arc;
use std::time::Duration;

use app::cli::ClientPurpose;
use export::{Export, ExportOptions};
use serde_json::{Value, json};
use tests::{Answer, Api, Person, TestApp, consent, observation, on_each_own};

/// People of each kind, by what happens to them in an export.
struct People {
    released: Person,
    opted_out: Person,
    all: Vec<(Person, String)>,
}

/// One who is released, one who opted out, one without a number, one who denied secondary use, one whose record is sensitive.
async fn people(app: &TestApp) -> People {
    let all = app.system("system/*.cruds").await;
    let mut stored = Vec::new();
    for kind in ["released", "opted-out", "no-number", "denies", "sensitive"] {
        let person = Person::new();
        let mut patient = person.patient();
        match kind {
            "no-number" => drop(patient.as_object_mut().unwrap().remove("identifier")),
            "sensitive" => {
                let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
                patient["meta"] = json!({"security": [{"system": system, "code": "R"}]});
            }
            _ => {}
        }
        let id = all.create(&patient).await;
        all.create(&observation(&id, "2345-7", "2026-01-01")).await;
        if kind == "denies" {
            all.create(&consent(&id, "HRESCH")).await;
        }
        stored.push((person, id));
    }
    // About the first two: of one who opted out, so of nobody.
    let mut both = observation(&stored[0].1, "8480-6", "2026-01-01");
    both["performer"] = json!([{"reference": format!("Patient/{}", stored[1].1)}]);
    all.create(&both).await;
    People { released: stored[0].0.clone(), opted_out: stored[1].0.clone(), all: stored }
}

async fn kick_off(api: &Api<'_>, query: &str) -> Answer {
    let call = api.call("GET", &format!("Patient/$export{query}"));
    call.header("accept", "application/fhir+json").header("prefer", "respond-async").send().await
}

/// The status URL of a job that was begun.
#[track_caller]
fn status_url(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.header("content-location").expect("a status URL").to_owned()
}

async fn manifest(api: &Api<'_>, status_url: &str) -> Answer {
    for _ in 0..600 {
        let answer = api.get(status_url).await;
        if answer.status != 202 {
            return answer;
        }
        assert!(answer.header("x-progress").is_some() && answer.header("retry-after").is_some());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the export is not done after half a minute");
}

async fn run(api: &Api<'_>, query: &str) -> (String, Value) {
    let url = status_url(&kick_off(api, query).await);
    let manifest = manifest(api, &url).await.expect(200);
    assert_eq!(manifest.header("content-type"), Some("application/json"));
    assert!(manifest.header("expires").is_some());
    (url, manifest.json())
}

/// All lines of all files of a manifest, each a resource of the type that the manifest says.
async fn lines(api: &Api<'_>, manifest: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for output in manifest["output"].as_array().unwrap() {
        let file = api.get(output["url"].as_str().unwrap()).await.expect(200);
        assert_eq!(file.header("content-type"), Some("application/fhir+ndjson"));
        let lines: Vec<Value> = file.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(output["count"], json!(lines.len()));
        assert!(lines.iter().all(|line| line["resourceType"] == output["type"]));
        all.extend(lines);
    }
    all
}

fn job_of(status_url: &str) -> &str {
    status_url.rsplit('/').next().unwrap()
}

#[test]
fn an_export_holds_who_may_be_released_and_nobody_else() {
    on_each_own(
        "export",
        |_| (),
        |app| async move {
            let people = people(&app).await;
            app.answer_opt_outs(&[&people.opted_out.nhs_number]).await;
            let analyst = app.analyst().await;
            let (url, manifest) = run(&analyst, "").await;
            let lines = lines(&analyst, &manifest).await;
            let text = Value::from(lines.clone()).to_string();
            assert!(text.contains(&people.released.nhs_number) && text.contains(&people.released.family));
            for (person, id) in &people.all[1..] {
                assert!(
                    !text.contains(&person.nhs_number) && !text.contains(&person.family) && !text.contains(id),
                    "{person:?}"
                );
            }
            let mut types: Vec<&str> = lines.iter().map(|line| line["resourceType"].as_str().unwrap()).collect();
            types.sort_unstable();
            assert_eq!(types, ["Observation", "Patient"]);

            assert_eq!(manifest["requiresAccessToken"], true);
            assert_eq!(manifest["request"], json!(format!("{}/Patient/$export", app.base_url)));
            assert!(manifest["transactionTime"].is_string() && manifest["error"] == json!([]));
            let members: Vec<&String> = manifest.as_object().unwrap().keys().collect();
            assert_eq!(
                members,
                ["transactionTime", "request", "requiresAccessToken", "output", "error"],
                "no count of the withheld"
            );

            // The controller's evidence has them.
            let evidence = app.house.export().evidence(job_of(&url)).await.unwrap();
            assert_eq!(evidence.persons_released, 1);
            let withheld: Vec<(&str, u64)> =
                evidence.withheld_by_rule.iter().map(|(rule, count)| (rule.as_str(), *count)).collect();
            let expected = [
                ("consent-deny", 1),
                ("no-valid-nhs-number", 1),
                ("not-in-national-data-opt-out-answer", 1),
                ("sensitive-record", 1),
            ];
            assert_eq!(withheld, expected);
            assert_eq!((evidence.asked, evidence.returned), (Some(4), Some(3)));
        },
    );
}

#[test]
fn a_job_is_its_clients_own() {
    on_each_own(
        "export_own",
        |_| (),
        |app| async move {
            people(&app).await;
            app.answer_opt_outs(&[]).await;
            let analyst = app.analyst().await;
            let (url, manifest) = run(&analyst, "?_type=Patient").await;
            let file = manifest["output"][0]["url"].as_str().unwrap();
            let others =
                [app.analyst().await, app.system("system/*.cruds").await, app.launched("user/*.cruds", "").await];
            for path in [url.as_str(), file] {
                app.anonymous().get(path).await.refused(401);
                for other in &others {
                    other.get(path).await.refused(404);
                }
            }
            for other in &others {
                other.delete(&url).await.refused(404);
            }
            for name in ["..%2F..%2Fweir.db", "%2e%2e", "Patient-9.ndjson", ".."] {
                let answer = analyst.get(&format!("{url}/{name}")).await;
                assert!(matches!(answer.status, 200 | 404), "{}", answer.status);
                assert!(answer.status == 404 || answer.json()["output"].is_array(), "{name} gave a file");
            }
            // What may be exported may still not be read.
            analyst.get("Patient").await.refused(403);

            analyst.get(file).await.expect(200);
            analyst.delete(&url).await.expect(202);
            for path in [url.as_str(), file] {
                analyst.get(path).await.refused(404);
            }
            analyst.delete(&url).await.refused(404);
            assert!(app.house.export().evidence(job_of(&url)).await.is_ok(), "the evidence outlives the files");
        },
    );
}

#[test]
fn types_and_since_narrow_an_export() {
    on_each_own(
        "export_narrow",
        |_| (),
        |app| async move {
            let people = people(&app).await;
            app.answer_opt_outs(&[&people.opted_out.nhs_number]).await;
            let service = app.add_service("system/Patient.rs system/Observation.rs", ClientPurpose::SecondaryUse).await;
            let analyst = app.as_service(&service, "system/*.rs").await;
            let (_, manifest) = run(&analyst, "?_type=Observation").await;
            let since = manifest["transactionTime"].as_str().unwrap().to_owned();
            let found = lines(&analyst, &manifest).await;
            assert_eq!(
                found.iter().map(|line| line["resourceType"].as_str().unwrap()).collect::<Vec<_>>(),
                ["Observation"]
            );

            let all = app.system("system/*.cruds").await;
            let new = all.create(&observation(&people.all[0].1, "8867-4", "2026-05-01")).await;
            all.create(&observation(&people.all[1].1, "8867-4", "2026-05-01")).await;
            all.delete(&format!("Observation/{}", found[0]["id"].as_str().unwrap())).await.expect(204);
            let parameters = json!({"resourceType": "Parameters", "parameter": [
                {"name": "_since", "valueInstant": since},
                {"name": "_type", "valueString": "Observation,Patient"},
            ]});
            let url = status_url(&analyst.post("Patient/$export", &parameters).await);
            let manifest = self::manifest(&analyst, &url).await.expect(200).json();
            let changed = lines(&analyst, &manifest).await;
            assert_eq!(changed.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>(), [new.as_str()]);
            let deleted = analyst.get(manifest["deleted"][0]["url"].as_str().unwrap()).await.expect(200).text();
            assert!(deleted.contains(found[0]["id"].as_str().unwrap()), "{deleted}");

            for (query, status) in [
                ("?_type=Nothing", 400),
                ("?_type=Condition", 403),
                ("?_since=yesterday", 400),
                ("?nonsense=1", 400),
                ("?_outputFormat=text/csv", 400),
                ("?_typeFilter=Patient%3Fgender%3Dmale", 400),
            ] {
                kick_off(&analyst, query).await.refused(status);
            }
            status_url(&kick_off(&analyst, "?_outputFormat=ndjson&_type=Patient").await);
        },
    );
}

#[test]
fn without_a_fresh_answer_nothing_is_exported() {
    on_each_own(
        "export_answer",
        |_| (),
        |app| async move {
            let people = people(&app).await;
            let analyst = app.analyst().await;
            assert!(kick_off(&analyst, "").await.refused(403).contains("opt-out-answer-missing"));
            // The question and its answer of eight days ago.
            let (asked, answered) = (past(&app, 8 * 24), past(&app, 7 * 24));
            let numbers = asked.nhs_numbers().await.unwrap();
            asked.record_opt_out_request("old", &numbers).await.unwrap();
            answered.record_opt_out_answer("old", &numbers).await.unwrap();
            assert!(kick_off(&analyst, "").await.refused(403).contains("opt-out-answer-stale"));
            app.answer_opt_outs(&[]).await;
            let (_, manifest) = run(&analyst, "?_type=Patient").await;
            let text = Value::from(lines(&analyst, &manifest).await).to_string();
            assert!(text.contains(&people.opted_out.nhs_number), "nobody opted out in the fresh answer");

            // Who came after the question was not asked about.
            let late = Person::new();
            app.system("system/*.cruds").await.create(&late.patient()).await;
            let (_, manifest) = run(&analyst, "?_type=Patient").await;
            assert!(!Value::from(lines(&analyst, &manifest).await).to_string().contains(&late.nhs_number));
        },
    );
}

/// The export service as it was some hours ago.
fn past(app: &TestApp, hours: i64) -> Export {
    let house = &app.house;
    Export::new(ExportOptions {
        store: house.store.clone(),
        registry: Arc::clone(&house.knowledge.registry),
        definitions: Arc::clone(&house.knowledge.definitions),
        clock: Arc::new(move || fhir::Instant(app::wiring::now().0 - hours * 3_600_000)),
        random: Arc::new(app::wiring::random),
        token: house.token.clone(),
        folder: house.config.server.data_dir.join("export"),
        base_url: app.base_url.clone(),
        ods_code: "X99".to_owned(),
        answer_age_max_hours: 168,
        file_life_hours: 24,
        file_bytes_max: 1 << 20,
    })
}

#[test]
fn large_exports_come_in_several_files() {
    on_each_own(
        "export_files",
        |config| config.export.file_bytes_max = 65_536,
        |app| async move {
            let all = app.system("system/*.cruds").await;
            let patient = all.create(&Person::new().patient()).await;
            for day in 1..=4 {
                let mut large = observation(&patient, "2345-7", &format!("2026-01-{day:02}"));
                large["note"] = json!([{"text": "x".repeat(30_000)}]);
                all.create(&large).await;
            }
            app.answer_opt_outs(&[]).await;
            let analyst = app.analyst().await;
            let (_, manifest) = run(&analyst, "?_type=Observation").await;
            assert!(manifest["output"].as_array().unwrap().len() > 1, "{manifest}");
            assert_eq!(lines(&analyst, &manifest).await.len(), 4);
        },
    );
}
