//! Transaction: all entries or none.

use serde_json::{Value, json};
use tests::{Api, Person, observation, on_each, unique};

fn transaction(entries: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

fn post(full_url: &str, resource: Value) -> Value {
    let url = resource["resourceType"].clone();
    json!({"fullUrl": full_url, "request": {"method": "POST", "url": url}, "resource": resource})
}

/// An observation of a code of its own about a patient of the same transaction.
fn about(full_url: &str, code: &str) -> Value {
    let mut resource = observation("x", code, "2026-01-01");
    resource["subject"]["reference"] = json!(full_url);
    resource
}

const PATIENT: &str = "urn:uuid:8f3c1a52-0f5b-4d0e-9a3d-1d1f0c5f7a01";
const OBSERVATION: &str = "urn:uuid:8f3c1a52-0f5b-4d0e-9a3d-1d1f0c5f7a02";

async fn is_absent(api: &Api<'_>, person: &Person) -> bool {
    api.find(&format!("Patient?family={}", person.family)).await.is_empty()
}

#[test]
fn references_inside_a_transaction_become_real() {
    on_each("transaction", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (person, code) = (Person::new(), unique("code"));
        // The observation comes first: the order of entries does not matter.
        let bundle = transaction(&[post(OBSERVATION, about(PATIENT, &code)), post(PATIENT, person.patient())]);
        let answer = api.post("", &bundle).await.expect(200).json();
        assert_eq!(answer["type"], "transaction-response");
        let status = |index: usize| answer["entry"][index]["response"]["status"].as_str().unwrap();
        assert!(status(0).starts_with("201") && status(1).starts_with("201"), "{answer}");
        let patient = api.find(&format!("Patient?family={}", person.family)).await.remove(0);
        let found = api.find(&format!("Observation?patient={patient}&code={code}")).await;
        let stored = api.get(&format!("Observation/{}", found[0])).await.expect(200).json();
        assert_eq!(stored["subject"]["reference"], json!(format!("Patient/{patient}")));
        let location = answer["entry"][0]["response"]["location"].as_str().unwrap();
        assert!(location.contains(&format!("Observation/{}/_history/1", found[0])), "{location}");
    });
}

#[test]
fn a_transaction_writes_deletes_and_reads() {
    on_each("transaction_all", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (gone, mut changed) = (api.create(&Person::new().patient()).await, Person::new().patient());
        let id = api.create(&changed).await;
        changed["id"] = json!(id);
        changed["gender"] = json!("male");
        let bundle = transaction(&[
            json!({"request": {"method": "GET", "url": format!("Patient/{id}")}}),
            json!({"request": {"method": "DELETE", "url": format!("Patient/{gone}")}}),
            json!({"request": {"method": "PUT", "url": format!("Patient/{id}"), "ifMatch": "W/\"1\""}, "resource": changed}),
        ]);
        let answer = api.post("", &bundle).await.expect(200).json();
        assert_eq!(answer["entry"][0]["resource"]["gender"], "male", "reads see what was written");
        assert!(answer["entry"][1]["response"]["status"].as_str().unwrap().starts_with("204"));
        assert_eq!(answer["entry"][2]["response"]["etag"], "W/\"2\"");
        api.get(&format!("Patient/{gone}")).await.refused(410);
    });
}

#[test]
fn one_bad_entry_stores_nothing() {
    on_each("transaction_atomic", |app| async move {
        let api = app.system("system/*.cruds").await;
        let existing = api.create(&Person::new().patient()).await;
        let mut stale = Person::new().patient();
        stale["id"] = json!(existing);
        let bad = [
            (422, post(OBSERVATION, json!({"resourceType": "Observation", "status": "final"}))),
            (
                422,
                post(OBSERVATION, json!({"resourceType": "Observation", "status": "nonsense", "code": {"text": "x"}})),
            ),
            (400, json!({"request": {"method": "POST", "url": "Patient"}})),
            (400, json!({"request": {"method": "POST", "url": "Patient"}, "resource": about(PATIENT, "x")})),
            (404, json!({"request": {"method": "POST", "url": "Nothing"}, "resource": {"resourceType": "Nothing"}})),
            (400, json!({"request": {"method": "PATCH", "url": format!("Patient/{existing}")}})),
            (405, json!({"request": {"method": "POST", "url": "Patient/$export"}})),
            (
                412,
                json!({"request": {"method": "PUT", "url": format!("Patient/{existing}"), "ifMatch": "W/\"7\""}, "resource": stale}),
            ),
            (
                400,
                json!({"request": {"method": "PUT", "url": format!("Patient/{existing}"), "ifMatch": "seven"}, "resource": stale}),
            ),
        ];
        for (status, entry) in bad {
            let person = Person::new();
            for entries in
                [[post(PATIENT, person.patient()), entry.clone()], [entry.clone(), post(PATIENT, person.patient())]]
            {
                api.post("", &transaction(&entries)).await.refused(status);
                assert!(is_absent(&api, &person).await, "stored beside {entry}");
            }
        }
    });
}

#[test]
fn a_bad_entry_is_named() {
    on_each("transaction_where", |app| async move {
        let api = app.system("system/*.cruds").await;
        let bad = json!({"resourceType": "Observation", "status": "nonsense", "code": {"text": "x"}});
        let said = api.post("", &transaction(&[post(PATIENT, Person::new().patient()), post(OBSERVATION, bad)])).await;
        let said = said.refused(422);
        assert!(said.contains("Bundle.entry[1].resource.status"), "{said}");
    });
}

#[test]
fn two_entries_for_one_resource_are_refused() {
    on_each("transaction_twice", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = unique("patient");
        let mut patient = Person::new().patient();
        patient["id"] = json!(id);
        let put = json!({"request": {"method": "PUT", "url": format!("Patient/{id}")}, "resource": patient});
        let delete = json!({"request": {"method": "DELETE", "url": format!("Patient/{id}")}});
        api.post("", &transaction(&[put.clone(), put.clone()])).await.refused(400);
        api.post("", &transaction(&[put, delete])).await.refused(400);
        api.get(&format!("Patient/{id}")).await.refused(404);
    });
}

#[test]
fn an_entry_beyond_the_scopes_stores_nothing() {
    on_each("transaction_scopes", |app| async move {
        let api = app.system("system/Patient.crs").await;
        let person = Person::new();
        let beyond = [
            post(OBSERVATION, about(PATIENT, "x")),
            json!({"request": {"method": "DELETE", "url": "Patient/x"}}),
            json!({"request": {"method": "GET", "url": "Observation?code=x"}}),
            json!({"request": {"method": "GET", "url": "Observation/x"}}),
        ];
        for entry in beyond {
            api.post("", &transaction(&[post(PATIENT, person.patient()), entry.clone()])).await.refused(403);
            assert!(is_absent(&api, &person).await, "stored beside {entry}");
        }
    });
}

#[test]
fn a_read_that_finds_nothing_does_not_undo_what_was_stored_in_silence() {
    on_each("transaction_read", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let read = json!({"request": {"method": "GET", "url": "Patient/nobody"}});
        let answer = api.post("", &transaction(&[post(PATIENT, person.patient()), read])).await.expect(200).json();
        assert!(answer["entry"][1]["response"]["status"].as_str().unwrap().starts_with("404"), "{answer}");
        assert!(!is_absent(&api, &person).await);
    });
}

#[test]
fn a_conditional_create_inside_a_transaction_takes_the_match() {
    on_each("transaction_conditional", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (person, code) = (Person::new(), unique("code"));
        let id = api.create(&person.patient()).await;
        let mut entry = post(PATIENT, person.patient());
        entry["request"]["ifNoneExist"] = json!(format!("identifier={}", person.nhs_number));
        let answer =
            api.post("", &transaction(&[entry, post(OBSERVATION, about(PATIENT, &code))])).await.expect(200).json();
        assert!(answer["entry"][0]["response"]["status"].as_str().unwrap().starts_with("200"), "{answer}");
        let found = api.find(&format!("Observation?code={code}")).await;
        let stored = api.get(&format!("Observation/{}", found[0])).await.expect(200).json();
        assert_eq!(stored["subject"]["reference"], json!(format!("Patient/{id}")), "the reference leads to the match");
    });
}

#[test]
fn of_transactions_at_once_each_refers_to_the_one_match() {
    on_each("transaction_race", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (person, code) = (Person::new(), unique("code"));
        let mut entry = post(PATIENT, person.patient());
        entry["request"]["ifNoneExist"] = json!(format!("identifier={}", person.nhs_number));
        let bundle = transaction(&[entry, post(OBSERVATION, about(PATIENT, &code))]);
        let send = async || {
            let answer = api.post("", &bundle).await;
            // 503: another one was faster; try again.
            assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
            answer.status == 200
        };
        let done = tokio::join!(send(), send(), send(), send());
        let stored = [done.0, done.1, done.2, done.3].into_iter().filter(|is_stored| *is_stored).count();
        assert!(stored >= 1);
        let patients = api.find(&format!("Patient?identifier={}", person.nhs_number)).await;
        assert_eq!(patients.len(), 1);
        let found = api.find(&format!("Observation?code={code}")).await;
        assert_eq!(found.len(), stored, "what answered 200 is stored, what answered 503 is not");
        assert_eq!(api.find(&format!("Observation?code={code}&patient={}", patients[0])).await.len(), stored);
    });
}
