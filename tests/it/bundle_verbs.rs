//! Batch and transaction: every verb, conditions, conditional references and links between entries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::{Api, Person, observation, on_each, unique};

const PATIENT: &str = "urn:uuid:8f3c1a52-0f5b-4d0e-9a3d-1d1f0c5f7b01";

fn bundle(kind: &str, entries: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

fn entry(method: &str, url: &str, resource: Option<Value>) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if let Some(resource) = resource {
        entry["resource"] = resource;
    }
    entry
}

fn json_patch(operations: &Value) -> Value {
    json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": STANDARD.encode(operations.to_string())})
}

fn replace(path: &str, code: &str) -> Value {
    json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": path},
        {"name": "value", "valueCode": code},
    ]}]})
}

fn statuses(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().unwrap();
    entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap()[..3].to_owned()).collect()
}

async fn version(api: &Api<'_>, path: &str) -> String {
    api.get(path).await.expect(200).json()["meta"]["versionId"].as_str().unwrap().to_owned()
}

#[test]
fn every_verb_is_answered_in_both_kinds_of_bundle() {
    on_each("bundle_verbs", |app| async move {
        let api = app.system("system/*.cruds").await;
        for kind in ["batch", "transaction"] {
            let [by_json, by_path, gone, updated, criteria] = std::array::from_fn(|_| Person::new());
            let ids = [api.create(&by_json.patient()).await, api.create(&by_path.patient()).await];
            let (gone_id, updated_id) = (api.create(&gone.patient()).await, api.create(&updated.patient()).await);
            let mut changed = updated.patient();
            changed["gender"] = json!("other");
            let male = json!([{"op": "replace", "path": "/gender", "value": "male"}]);
            let entries = [
                entry("HEAD", &format!("Patient/{}", ids[0]), None),
                entry("GET", &format!("Patient/{}/_history/1", ids[0]), None),
                entry("GET", &format!("Patient/{}/_history", ids[0]), None),
                entry("GET", &format!("Patient?_id={}", ids[0]), None),
                entry("PATCH", &format!("Patient/{}", ids[0]), Some(json_patch(&male))),
                entry(
                    "PATCH",
                    &format!("Patient?identifier={}", by_path.nhs_number),
                    Some(replace("Patient.gender", "male")),
                ),
                entry("PUT", &format!("Patient?identifier={}", updated.nhs_number), Some(changed)),
                entry("PUT", &format!("Patient?identifier={}", criteria.nhs_number), Some(criteria.patient())),
                entry("DELETE", &format!("Patient?identifier={}", gone.nhs_number), None),
                entry("DELETE", &format!("Patient?identifier={}", unique("nobody")), None),
                entry("POST", "Patient", Some(Person::new().patient())),
            ];
            let answer = api.post("", &bundle(kind, &entries)).await.expect(200).json();
            let expected = ["200", "200", "200", "200", "200", "200", "200", "201", "204", "204", "201"];
            assert_eq!(statuses(&answer), expected, "{answer}");
            assert!(answer["entry"][0].get("resource").is_none(), "HEAD has no body");
            assert!(answer["entry"][0]["response"]["etag"].is_string());
            assert_eq!(answer["entry"][1]["resource"]["meta"]["versionId"], "1");
            for index in 4..7 {
                let response = &answer["entry"][index]["response"];
                assert_eq!(response["etag"], "W/\"2\"", "{response}");
                assert!(response["location"].is_string() && response["lastModified"].is_string());
            }
            for id in &ids {
                assert_eq!(api.get(&format!("Patient/{id}")).await.json()["gender"], "male");
            }
            assert_eq!(version(&api, &format!("Patient/{updated_id}")).await, "2");
            api.get(&format!("Patient/{gone_id}")).await.refused(410);
            assert_eq!(api.find(&format!("Patient?identifier={}", criteria.nhs_number)).await.len(), 1);
        }
    });
}

#[test]
fn one_bad_entry_of_any_verb_leaves_nothing() {
    on_each("bundle_atomic", |app| async move {
        let api = app.system("system/*.cruds").await;
        let twice = Person::new();
        let existing = api.create(&twice.patient()).await;
        api.create(&twice.patient()).await;
        let path = format!("Patient/{existing}");
        let both = format!("Patient?identifier={}", twice.nhs_number);
        let nobody = format!("Patient?identifier={}", unique("nobody"));
        let odd = json_patch(&json!([{"op": "replace", "path": "/gender", "value": "nonsense"}]));
        let mut about_nobody = observation("x", "1", "2026-01-01");
        about_nobody["subject"]["reference"] = json!(nobody);
        let mut about_both = about_nobody.clone();
        about_both["subject"]["reference"] = json!(both);
        let bad = [
            (422, entry("PATCH", &path, Some(odd))),
            (422, entry("PATCH", &path, Some(json_patch(&json!([{"op": "test", "path": "/gender", "value": "x"}]))))),
            (
                415,
                entry(
                    "PATCH",
                    &path,
                    Some(json!({"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="})),
                ),
            ),
            (400, entry("PATCH", &path, Some(json!({"resourceType": "Binary", "contentType": "text/plain"})))),
            (400, entry("PATCH", &path, None)),
            (404, entry("PATCH", "Patient/nobody", Some(replace("Patient.gender", "male")))),
            (404, entry("PATCH", &nobody, Some(replace("Patient.gender", "male")))),
            (412, entry("PATCH", &both, Some(replace("Patient.gender", "male")))),
            (412, entry("PUT", &both, Some(twice.patient()))),
            (412, entry("DELETE", &both, None)),
            (400, entry("DELETE", "Patient", None)),
            (400, entry("PUT", "Patient?nonsense=1", Some(twice.patient()))),
            (412, entry("POST", "Observation", Some(about_nobody))),
            (412, entry("POST", "Observation", Some(about_both))),
            (405, entry("GET", "Patient/$export", None)),
            (405, entry("POST", "$feed/gp-connect", None)),
        ];
        for (status, entry) in bad {
            let person = Person::new();
            let good = json!({"request": {"method": "POST", "url": "Patient"}, "resource": person.patient()});
            let said = api.post("", &bundle("transaction", &[good, entry.clone()])).await.refused(status);
            assert!(said.contains("Bundle.entry[1]"), "{said}");
            assert!(
                api.find(&format!("Patient?identifier={}", person.nhs_number)).await.is_empty(),
                "stored beside {entry}"
            );
            let alone = api.post("", &bundle("batch", &[entry])).await.expect(200).json();
            // In a batch a conditional reference is a reference like any other.
            if status != 412 || alone["entry"][0]["response"]["status"] != "201 Created" {
                assert_eq!(statuses(&alone), [status.to_string()], "{alone}");
            }
        }
        assert_eq!(version(&api, &path).await, "1");
    });
}

#[test]
fn a_conditional_reference_becomes_the_one_match() {
    on_each("bundle_references", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (stored, coming) = (Person::new(), Person::new());
        let id = api.create(&stored.patient()).await;
        let (first, second) = (unique("code"), unique("code"));
        let about = |code: &str, person: &Person| {
            let mut resource = observation("x", code, "2026-01-01");
            resource["subject"]["reference"] = json!(format!("Patient?identifier={}", person.nhs_number));
            entry("POST", "Observation", Some(resource))
        };
        let entries =
            [about(&first, &stored), about(&second, &coming), entry("POST", "Patient", Some(coming.patient()))];
        api.post("", &bundle("transaction", &entries)).await.expect(200);
        let found = api.find(&format!("Observation?code={first}&patient={id}")).await;
        assert_eq!(found.len(), 1, "the one in the store");
        let new = api.find(&format!("Patient?identifier={}", coming.nhs_number)).await.remove(0);
        assert_eq!(
            api.find(&format!("Observation?code={second}&patient={new}")).await.len(),
            1,
            "the one that came along"
        );

        // What goes with the same transaction is not meant, what comes makes it two.
        let gone = entry("DELETE", &format!("Patient/{id}"), None);
        api.post("", &bundle("transaction", &[about(&unique("code"), &stored), gone.clone()])).await.refused(412);
        let again = entry("POST", "Patient", Some(stored.patient()));
        api.post("", &bundle("transaction", &[about(&unique("code"), &stored), again.clone()])).await.refused(412);
        api.post("", &bundle("transaction", &[about(&unique("code"), &stored), gone, again])).await.expect(200);

        // Who may not search is not told whether there is a match.
        let blind = app.system("system/*.c").await;
        blind.post("", &bundle("transaction", &[about(&unique("code"), &coming)])).await.refused(403);
        let own = api.create(&Person::new().patient()).await;
        let launched = app.launched("launch/patient patient/*.cruds", &own).await;
        let said = launched.post("", &bundle("transaction", &[about(&unique("code"), &coming)])).await.refused(412);
        assert!(said.contains("matches nothing"), "{said}");
    });
}

#[test]
fn links_to_an_entry_are_rewritten_wherever_they_stand() {
    on_each("bundle_links", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut resource = observation("x", &unique("code"), "2026-01-01");
        resource["subject"]["reference"] = json!(PATIENT);
        resource["extension"] = json!([{"url": "http://example.org/link", "valueUri": PATIENT}]);
        resource["contained"] = json!([{"resourceType": "Encounter", "id": "e", "status": "finished",
            "class": {"code": "AMB"}, "subject": {"reference": PATIENT}}]);
        resource["encounter"] = json!({"reference": "#e"});
        let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{PATIENT}\">them</a></div>");
        resource["text"] = json!({"status": "additional", "div": div});
        let person = Person::new();
        let mut patient = entry("PUT", &format!("Patient?identifier={}", person.nhs_number), Some(person.patient()));
        patient["fullUrl"] = json!(PATIENT);
        let entries = [entry("POST", "Observation", Some(resource)), patient.clone()];
        let answer = api.post("", &bundle("transaction", &entries)).await.expect(200).json();
        let id = api.find(&format!("Patient?identifier={}", person.nhs_number)).await.remove(0);
        let stored = &answer["entry"][0]["resource"];
        let target = json!(format!("Patient/{id}"));
        assert_eq!(stored["subject"]["reference"], target);
        assert_eq!(stored["extension"][0]["valueUri"], target);
        assert_eq!(stored["contained"][0]["subject"]["reference"], target);
        assert!(stored["text"]["div"].as_str().unwrap().contains(&format!("href=\"Patient/{id}\"")), "{stored}");

        let mut other = entry("POST", "Patient", Some(Person::new().patient()));
        other["fullUrl"] = json!(PATIENT);
        api.post("", &bundle("transaction", &[patient, other])).await.refused(400);
    });
}

#[test]
fn prefer_holds_for_the_entries() {
    on_each("bundle_prefer", |app| async move {
        let api = app.system("system/*.cruds").await;
        for kind in ["batch", "transaction"] {
            let send = async |prefer: &str| {
                let entries = [entry("POST", "Patient", Some(Person::new().patient()))];
                let call = api.call("POST", "").fhir(&bundle(kind, &entries)).header("prefer", prefer);
                call.send().await.expect(200).json()["entry"][0].clone()
            };
            assert_eq!(send("return=representation").await["resource"]["resourceType"], "Patient");
            let minimal = send("return=minimal").await;
            assert!(minimal.get("resource").is_none() && minimal["response"]["location"].is_string());
            let outcome = send("return=OperationOutcome").await;
            assert!(outcome.get("resource").is_none(), "{outcome}");
            assert_eq!(outcome["response"]["outcome"]["resourceType"], "OperationOutcome");
            // Lenient handling reaches the searches inside.
            let search = bundle(kind, &[entry("GET", "Patient?nonsense=1&_count=1", None)]);
            let strict = api.post("", &search).await.expect(200).json();
            let lenient = api.call("POST", "").fhir(&search).header("prefer", "handling=lenient").send().await;
            assert_eq!(statuses(&strict), ["400"]);
            assert_eq!(statuses(&lenient.expect(200).json()), ["200"]);
        }
    });
}
