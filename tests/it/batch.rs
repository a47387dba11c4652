//! Batch: each entry for itself.

use serde_json::{Value, json};
use tests::{Person, on_each};

fn statuses(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().unwrap();
    entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap()[..3].to_owned()).collect()
}

#[test]
fn the_entries_of_a_batch_stand_each_for_itself() {
    on_each("batch", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let id = api.create(&person.patient()).await;
        let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
            {"request": {"method": "GET", "url": format!("Patient/{id}")}},
            {"request": {"method": "GET", "url": format!("Patient?family={}", person.family)}},
            {"request": {"method": "POST", "url": "Patient"}, "resource": Person::new().patient()},
            {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient", "nonsense": 1}},
            {"request": {"method": "GET", "url": "Patient/nobody"}},
            {"request": {"method": "GET", "url": "Nothing/1"}},
            {"request": {"method": "PATCH", "url": format!("Patient/{id}")}},
            {"request": {"method": "GET", "url": "Patient/$export"}},
            {"request": {"method": "GET"}},
            {"request": {"method": "GET", "url": format!("Patient/{id}/_history")}},
            {"request": {"method": "GET", "url": format!("Patient/{id}/_history/1")}},
            {"request": {"method": "GET", "url": "_history?_count=1"}},
            {"request": {"method": "GET", "url": "Patient/_everything"}},
            {"request": {"method": "DELETE", "url": format!("_odd/{id}")}},
            {"request": {"method": "DELETE", "url": format!("Patient/{id}")}},
        ]});
        let answer = api.post("", &bundle).await.expect(200).json();
        assert_eq!(answer["type"], "batch-response");
        let expected =
            ["200", "200", "201", "422", "404", "404", "400", "405", "400", "200", "200", "200", "405", "405", "204"];
        assert_eq!(statuses(&answer), expected);
        assert_eq!(answer["entry"][0]["resource"]["id"], json!(id));
        assert_eq!(answer["entry"][1]["resource"]["type"], "searchset");
        assert!(answer["entry"][2]["response"]["location"].as_str().unwrap().starts_with(&app.base_url));
        assert_eq!(answer["entry"][11]["resource"]["type"], "history");
        assert_eq!(answer["entry"][3]["response"]["outcome"]["resourceType"], "OperationOutcome");
        api.get(&format!("Patient/{id}")).await.refused(410);
    });
}

#[test]
fn the_conditions_of_an_entry_hold() {
    on_each("batch_conditions", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        let id = api.create(&patient).await;
        patient["id"] = json!(id);
        patient["gender"] = json!("male");
        let url = format!("Patient/{id}");
        let entry = |name: &str, value: &str| {
            let mut entry = json!({"request": {"method": "PUT", "url": url}, "resource": patient});
            entry["request"][name] = json!(value);
            json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]})
        };
        for (if_match, status) in [("W/\"9\"", "412"), ("nonsense", "400"), ("W/\"1\"", "200")] {
            let answer = api.post("", &entry("ifMatch", if_match)).await.expect(200).json();
            assert_eq!(statuses(&answer), [status], "{if_match}");
        }
    });
}

#[test]
fn what_is_no_batch_is_refused() {
    on_each("batch_bad", |app| async move {
        let api = app.system("system/*.cruds").await;
        api.post("", &json!({"resourceType": "Bundle", "type": "collection"})).await.refused(400);
        api.post("", &json!({"resourceType": "Bundle"})).await.refused(400);
        api.post("", &Person::new().patient()).await.refused(400);
        api.call("POST", "").body("application/fhir+json", "{").send().await.refused(400);
        let bundle = json!({"resourceType": "Bundle", "type": "batch"}).to_string();
        api.call("POST", "").body("text/plain", bundle.clone()).send().await.refused(415);
        api.call("POST", "").body("application/fhir+xml", bundle.clone()).send().await.refused(400);
        api.call("POST", "").body("application/json", bundle).send().await.expect(200);
    });
}
