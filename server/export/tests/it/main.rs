//! Exports from kick-off to evidence, with people who must not be in them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use export::{ExportError, JobStatus};
use fhir::Instant;
use policy::Purpose;
use serde_json::{Value, json};
use store::{Lease, StoreError};
use support::{DISSENT, World, names, number, observation, on_each, patient};

fn reason(result: Result<String, ExportError>) -> &'static str {
    match result {
        Err(ExportError::Denied(denied)) => denied.reason,
        other => panic!("{other:?}"),
    }
}

/// p0 may be released, p2 without GP data; the others are withheld, each by another rule.
async fn fill(world: &World) {
    for (id, number) in [("p0", 0), ("p1", 1), ("p2", 2), ("p4", 4), ("p6", 6)] {
        world.put("acute-hl7v2", id, &patient(&[number])).await;
    }
    let mut sensitive = patient(&[3]);
    let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    sensitive["meta"] = json!({"security": [{"system": system, "code": "R"}]});
    world.put("acute-hl7v2", "p3", &sensitive).await;
    // p4 had an opted-out number before.
    world.put("acute-hl7v2", "p4", &patient(&[5])).await;
    world.put("acute-hl7v2", "p5", &patient(&[])).await;
    world.review("p6", "p1").await;
    for n in 0..7 {
        world.put("acute-hl7v2", &format!("acute{n}"), &observation(&format!("p{n}"), "8480-6")).await;
        world.put("gp-connect", &format!("gp{n}"), &observation(&format!("p{n}"), "75367002")).await;
    }
    world.put("gp-connect", "dissent", &observation("p2", DISSENT)).await;
    // An edit by somebody else does not make it other data.
    world.put("gp-connect", "edited", &observation("p2", "8480-6")).await;
    let mut edited = observation("p2", "8480-6");
    edited["note"] = json!([{"text": "seen"}]);
    world.put("rest", "edited", &edited).await;
    let mut of_two = observation("p0", "8480-6");
    of_two["performer"] = json!([{"reference": "Patient/p1"}]);
    world.put("acute-hl7v2", "of-two", &of_two).await;
    world.put("acute-hl7v2", "of-a-stranger", &observation("nobody-knows", "8480-6")).await;
    world.put("acute-hl7v2", "ward", &json!({"resourceType": "Organization", "name": "Ward"})).await;
}

#[test]
fn export_holds_nobody_who_is_withheld() {
    on_each("withheld", |world| async move {
        fill(&world).await;
        assert_eq!(world.export.nhs_numbers().await.unwrap(), (0..7).map(number).collect::<Vec<_>>());
        world.answer("q", &[1, 4]).await;
        world.pass_hours(5);
        let job = world.kick_off("analyst", &[], None).await.unwrap();
        let manifest = world.run(&job).await;
        let lines = world.lines(&job, &manifest, "output").await;
        assert_eq!(
            names(&lines),
            ["Observation/acute0", "Observation/acute2", "Observation/gp0", "Patient/p0", "Patient/p2"]
        );
        // What was between tokens is gone, what was within a value is not.
        let person = lines.iter().find(|line| line["resourceType"] == "Patient").unwrap();
        assert_eq!(person["name"][0]["family"], "Two\nlines");
        assert_eq!(manifest["requiresAccessToken"], true);
        assert_eq!(manifest["error"], json!([]));
        assert_eq!(manifest.get("deleted"), None);
        assert!(!manifest.to_string().contains("withheld"));
        // Files roll over at their size.
        assert!(manifest["output"].as_array().unwrap().len() > 2);

        let evidence = world.export.evidence(&job).await.unwrap();
        let rules: Vec<(&str, u64)> = evidence.withheld_by_rule.iter().map(|(rule, n)| (rule.as_str(), *n)).collect();
        let expected = [
            ("merged-person-withheld", 1),
            ("no-valid-nhs-number", 1),
            ("not-in-national-data-opt-out-answer", 2),
            ("sensitive-record", 1),
        ];
        assert_eq!(rules, expected);
        assert_eq!((evidence.persons_released, evidence.without_general_practice), (2, 1));
        assert_eq!((evidence.asked, evidence.returned, evidence.answer_age_hours), (Some(7), Some(5), Some(5)));
        assert_eq!((evidence.client_id.as_str(), evidence.ods_code.as_str()), ("analyst", "X26"));
        assert_eq!(evidence.resources["Observation"], 3);

        // Supporting types come when they are named; what is about nobody and no reference data never does.
        let job = world.kick_off("analyst", &["Organization"], None).await.unwrap();
        let manifest = world.run(&job).await;
        assert_eq!(names(&world.lines(&job, &manifest, "output").await), ["Organization/ward"]);
        assert_eq!(reason(world.kick_off("analyst", &["ValueSet"], None).await), "type-not-exported");
    });
}

#[test]
fn nobody_who_is_withheld_is_mentioned() {
    on_each("mentioned", |world| async move {
        for n in [0, 1, 2] {
            world.put("acute-hl7v2", &format!("p{n}"), &patient(&[n])).await;
        }
        world.put("acute-hl7v2", "of-out", &observation("p1", "8480-6")).await;
        let number_of = |n: usize| json!({"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number(n).as_str()});
        let spaced = format!("{} {}", &number(1).as_str()[..3], &number(1).as_str()[3..]);
        let out = |id: &str| json!({"reference": id});
        let with = |element: &str, value: Value| {
            let mut observation = observation("p0", "8480-6");
            observation[element] = value;
            observation
        };
        let mut contained = with("focus", json!([out("#p")]));
        contained["contained"] = json!([{"resourceType": "Patient", "id": "p", "name": [{"family": "Other"}]}]);
        let leaks = [
            contained,
            with("focus", json!([out("Patient/p1")])),
            with("focus", json!([out("https://weir.example/fhir/Patient/p1/_history/1")])),
            with("focus", json!([out("https://elsewhere.example/fhir/Patient/x")])),
            with("focus", json!([{"identifier": number_of(1)}])),
            with("focus", json!([{"identifier": number_of(9)}])),
            with("focus", json!([out(&format!("https://pds.example/nhs/{}", number(1).as_str()))])),
            with("focus", json!([out("Patient/p1#x")])),
            with("focus", json!([out("https://weir.example/fhir//Patient/p1")])),
            with("focus", json!([{"type": "Patient", "display": "Somebody"}])),
            with("hasMember", json!([out("Observation/of-out")])),
            with("note", json!([{"text": format!("sister of {spaced}.")}])),
            with("extension", json!([{"url": "urn:x", "valueUri": "Patient/p1"}])),
            json!({"resourceType": "RelatedPerson", "patient": out("Patient/p0"), "identifier": [number_of(1)]}),
        ];
        for (n, leak) in leaks.iter().enumerate() {
            let mut leak = leak.clone();
            leak["id"] = json!(format!("leak{n}"));
            world.put("acute-hl7v2", &format!("leak{n}"), &leak).await;
        }
        let sound = [
            with("focus", json!([out("Patient/p2")])),
            with("hasMember", json!([out("Observation/not-here"), out("Observation/sound0")])),
            with("note", json!([{"text": format!("number {} and telephone 07700 900123", number(0).as_str())}])),
        ];
        for (n, resource) in sound.iter().enumerate() {
            world.put("acute-hl7v2", &format!("sound{n}"), resource).await;
        }
        world.answer("q", &[1]).await;
        let job = world.kick_off("analyst", &["Observation", "RelatedPerson"], None).await.unwrap();
        let manifest = world.run(&job).await;
        let lines = world.lines(&job, &manifest, "output").await;
        assert_eq!(names(&lines), ["Observation/sound0", "Observation/sound1", "Observation/sound2"]);
        assert_eq!(world.export.evidence(&job).await.unwrap().resources_mentioning_others, leaks.len() as u64);
    });
}

#[test]
fn export_without_a_fresh_answer_is_refused() {
    on_each("fresh", |world| async move {
        world.put("acute-hl7v2", "p0", &patient(&[0])).await;
        assert_eq!(reason(world.kick_off("analyst", &[], None).await), "opt-out-answer-missing");
        let asked = world.ask("q").await;
        assert_eq!(reason(world.kick_off("analyst", &[], None).await), "opt-out-answer-missing");
        // The age counts from the question; asking again while one waits does not make it younger.
        world.pass_hours(100);
        world.ask("q").await;
        world.export.record_opt_out_answer("q", &asked).await.unwrap();
        let again = world.export.record_opt_out_answer("q", &asked).await;
        assert!(matches!(again, Err(ExportError::Store(StoreError::Conflict(_)))));
        world.pass_hours(67);
        let job = world.kick_off("analyst", &[], None).await.unwrap();
        world.pass_hours(2);
        assert_eq!(reason(world.kick_off("analyst", &[], None).await), "opt-out-answer-stale");
        // It went stale before the worker came to it.
        let worker = world.export.start();
        let JobStatus::Failed { issues } = world.wait("analyst", &job).await else { panic!("must fail") };
        worker.stop().await;
        assert!(issues[0].detail.as_deref().unwrap().starts_with("opt-out-answer-"));
        assert_eq!(std::fs::read_dir(world.folder.join(&job)).map_or(0, Iterator::count), 0);
        // The same people, asked about anew.
        world.answer("q", &[]).await;
        assert!(world.kick_off("analyst", &[], None).await.is_ok());
    });
}

#[test]
fn direct_care_needs_no_answer() {
    on_each("direct", |world| async move {
        world.put("acute-hl7v2", "p0", &patient(&[])).await;
        let job = world.kick_off_for(Purpose::DirectCare, "analyst", &[], None).await.unwrap();
        let manifest = world.run(&job).await;
        assert_eq!(names(&world.lines(&job, &manifest, "output").await), ["Patient/p0"]);
        let evidence = world.export.evidence(&job).await.unwrap();
        assert_eq!((evidence.opt_out_applied, evidence.persons_released), (false, 1));
    });
}

#[test]
fn since_gives_what_changed_and_what_was_deleted() {
    on_each("since", |world| async move {
        fill(&world).await;
        world.answer("q", &[1, 4]).await;
        let job = world.kick_off("analyst", &[], None).await.unwrap();
        let manifest = world.run(&job).await;
        let since = Instant::parse_rfc3339(manifest["transactionTime"].as_str().unwrap()).unwrap();

        let job = world.kick_off("analyst", &[], Some(since)).await.unwrap();
        let manifest = world.run(&job).await;
        assert_eq!((&manifest["output"], &manifest["deleted"]), (&json!([]), &json!([])));

        world.put("acute-hl7v2", "new", &observation("p0", "8480-6")).await;
        world.put("acute-hl7v2", "new-of-opted-out", &observation("p1", "8480-6")).await;
        world.delete("Observation", "acute0").await;
        world.delete("Observation", "acute1").await;
        let job = world.kick_off("analyst", &["Observation"], Some(since)).await.unwrap();
        let manifest = world.run(&job).await;
        assert_eq!(names(&world.lines(&job, &manifest, "output").await), ["Observation/new"]);
        let deleted = world.lines(&job, &manifest, "deleted").await;
        let entries: Vec<&Value> = deleted.iter().flat_map(|bundle| bundle["entry"].as_array().unwrap()).collect();
        assert_eq!(entries, [&json!({"request": {"method": "DELETE", "url": "Observation/acute0"}})]);
        assert_eq!(deleted[0]["type"], "transaction");
    });
}

#[test]
fn job_belongs_to_its_client_until_it_is_deleted() {
    on_each("own", |world| async move {
        world.put("acute-hl7v2", "p0", &patient(&[0])).await;
        world.answer("q", &[]).await;
        let job = world.kick_off("analyst", &[], None).await.unwrap();
        let second = world.kick_off("analyst", &[], None).await.unwrap();
        assert!(matches!(world.kick_off("analyst", &[], None).await, Err(ExportError::TooMany)));
        world.kick_off("other", &[], None).await.unwrap();
        world.export.delete("analyst", &second).await.unwrap();
        world.run(&job).await;
        let export = &world.export;
        let path = export.file("analyst", &job, "Patient-1.ndjson").await.unwrap();
        assert!(path.exists());
        let is_hidden = |result: Result<(), ExportError>| assert!(matches!(result, Err(ExportError::NotFound)));
        is_hidden(export.status("other", &job).await.map(drop));
        is_hidden(export.file("other", &job, "Patient-1.ndjson").await.map(drop));
        is_hidden(export.delete("other", &job).await);
        is_hidden(export.file("analyst", &job, "../../weir.db").await.map(drop));
        export.delete("analyst", &job).await.unwrap();
        is_hidden(export.status("analyst", &job).await.map(drop));
        is_hidden(export.file("analyst", &job, "Patient-1.ndjson").await.map(drop));
        assert!(!path.exists());
        assert!(export.evidence(&job).await.is_ok());
    });
}

#[test]
fn files_go_when_they_expire() {
    on_each("expiry", |world| async move {
        world.put("acute-hl7v2", "p0", &patient(&[0])).await;
        world.answer("q", &[]).await;
        let job = world.kick_off("analyst", &[], None).await.unwrap();
        world.run(&job).await;
        world.pass_hours(25);
        assert!(matches!(world.export.status("analyst", &job).await, Err(ExportError::NotFound)));
        let worker = world.export.start();
        for _ in 0..200 {
            if !world.folder.join(&job).exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        worker.stop().await;
        assert!(!world.folder.join(&job).exists());
    });
}

#[test]
fn job_of_a_lost_worker_begins_again() {
    on_each("lost", |world| async move {
        world.put("acute-hl7v2", "p0", &patient(&[0])).await;
        world.answer("q", &[]).await;
        let job = world.kick_off("analyst", &["Patient"], None).await.unwrap();
        // A worker takes the job up, writes half a file and is gone.
        let now = world.clock.load(Ordering::SeqCst);
        let lease = Lease {
            kind: "export".to_owned(),
            lease: "dead".to_owned(),
            now: Instant(now),
            until: Instant(now + 60_000),
            attempts_max: 3,
        };
        assert_eq!(world.store.lease_job(&lease).await.unwrap().unwrap().id, job);
        let left = world.folder.join(&job).join("dead");
        std::fs::create_dir_all(&left).unwrap();
        std::fs::write(left.join("Patient-1.ndjson"), "{\"resourceType\":").unwrap();
        world.pass_hours(1);
        let manifest = world.run(&job).await;
        assert_eq!(names(&world.lines(&job, &manifest, "output").await), ["Patient/p0"]);
        assert!(!left.exists());
    });
}
