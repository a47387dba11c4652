//! References to what is not there, where configuration wants them looked at: nobody learns of what is hidden from them.

use app::config::{Config, Strictness};
use serde_json::{Value, json};
use tests::{Answer, Person, label, observation, on_each_own, unique};

fn rejecting(config: &mut Config) {
    config.validation.references = Strictness::Reject;
}

/// What a refusal says, without what tells one request from another.
fn said(answer: Answer) -> String {
    answer.expect(422).json()["issue"].to_string()
}

#[test]
fn a_reference_needs_a_target_that_its_writer_may_read() {
    on_each_own("reference_exists", rejecting, |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let to = |id: &str| observation(id, "15074-8", "2026-01-01");
        api.create(&to(&patient)).await;
        let mut absolute = to(&patient);
        absolute["subject"]["reference"] = json!(format!("{}/Patient/{patient}", app.base_url));
        api.create(&absolute).await;
        // Of another server nothing can be said.
        absolute["subject"]["reference"] = json!("https://ehr.example/Patient/1");
        api.create(&absolute).await;
        let missing = said(api.post("Observation", &to("nobody")).await);
        assert!(missing.contains("not-found") && missing.contains("Observation.subject"), "{missing}");
        absolute["subject"]["reference"] = json!(format!("{}/Patient/nobody", app.base_url));
        api.post("Observation", &absolute).await.refused(422);
        let told = api.post("Observation/$validate", &to("nobody")).await.expect(200).text();
        assert!(told.contains("not-found"), "{told}");
        // What is hidden is as if it were not there, to the letter.
        let mut sealed = Person::new().patient();
        sealed["meta"] = json!({"security": [label("V")]});
        let sealed = api.create(&sealed).await;
        api.get(&format!("Patient/{sealed}")).await.refused(404);
        assert_eq!(said(api.post("Observation", &to(&sealed)).await), missing);
        let gone = api.create(&Person::new().patient()).await;
        api.delete(&format!("Patient/{gone}")).await.expect(204);
        assert_eq!(said(api.post("Observation", &to(&gone)).await), missing);
        // Whoever may not read patients is told nothing of any.
        let writer = app.system("system/Observation.c").await;
        for id in [patient.as_str(), &sealed, "nobody"] {
            writer.post("Observation", &to(id)).await.expect(201);
        }
    });
}

#[test]
fn what_comes_along_is_there_and_what_goes_is_not() {
    on_each_own("reference_exists_transaction", rejecting, |app| async move {
        let api = app.system("system/*.cruds").await;
        let entry = |method: &str, url: &str, full: Option<&str>, resource: Value| {
            let mut entry = json!({"request": {"method": method, "url": url}});
            if !resource.is_null() {
                entry["resource"] = resource;
            }
            if let Some(full) = full {
                entry["fullUrl"] = json!(full);
            }
            entry
        };
        let post = async |list: Value| {
            api.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": list})).await
        };
        let urn = "urn:uuid:7f1c2b1e-3c1d-4c1a-9d6e-0a8c7a1c3b11";
        let mut linked = observation("x", "15074-8", "2026-01-01");
        linked["subject"]["reference"] = json!(urn);
        let new = entry("POST", "Patient", Some(urn), Person::new().patient());
        post(json!([new, entry("POST", "Observation", None, linked)])).await.expect(200);
        let id = unique("put");
        let mut named = Person::new().patient();
        named["id"] = json!(id);
        let put = entry("PUT", &format!("Patient/{id}"), None, named.clone());
        let about = entry("POST", "Observation", None, observation(&id, "15074-8", "2026-01-01"));
        post(json!([put, about])).await.expect(200);
        let other = api.create(&Person::new().patient()).await;
        let about = entry("POST", "Observation", None, observation(&other, "15074-8", "2026-01-01"));
        post(json!([entry("DELETE", &format!("Patient/{other}"), None, Value::Null), about])).await.refused(422);
        // A resource may refer to itself.
        named["id"] = json!(unique("own"));
        let own = format!("Patient/{}", named["id"].as_str().unwrap());
        named["link"] = json!([{"other": {"reference": own}, "type": "seealso"}]);
        api.put(&own, &named).await.expect(201);
    });
}

#[test]
fn configuration_says_how_bad_it_is() {
    let warning = |config: &mut Config| config.validation.references = Strictness::Warn;
    on_each_own("reference_exists_warn", warning, |app| async move {
        let api = app.system("system/*.cruds").await;
        let lone = observation("nobody", "15074-8", "2026-01-01");
        let call = api.call("POST", "Observation").header("prefer", "return=OperationOutcome").fhir(&lone);
        let told = call.send().await.expect(201).json();
        assert!(
            told["issue"]
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one["severity"] == "warning" && one["code"] == "not-found"),
            "{told}"
        );
    });
    on_each_own(
        "reference_exists_off",
        |_| {},
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let told =
                api.post("Observation/$validate", &observation("nobody", "15074-8", "2026-01-01")).await.expect(200);
            assert!(!told.text().contains("not-found"), "{}", told.text());
        },
    );
}
