//! `_summary` and `_elements` on read, vread, search and history.

use serde_json::{Value, json};
use tests::{Api, Person, on_each};

async fn person_with_text(api: &Api<'_>) -> String {
    let mut patient = Person::new().patient();
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\">A narrative</div>";
    patient["text"] = json!({"status": "additional", "div": div});
    patient["maritalStatus"] = json!({"text": "married"});
    patient["active"] = json!(true);
    api.create(&patient).await
}

fn names(resource: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = resource.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The resource itself, or the first of a Bundle.
fn resource(answer: &Value) -> &Value {
    if answer["resourceType"] == "Bundle" { &answer["entry"][0]["resource"] } else { answer }
}

fn is_marked(resource: &Value) -> bool {
    resource["meta"]["tag"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag["code"] == "SUBSETTED"))
}

const WHOLE: [&str; 9] =
    ["active", "birthDate", "gender", "id", "identifier", "maritalStatus", "meta", "name", "resourceType"];

#[test]
fn every_way_to_read_gives_the_part_that_is_asked_for() {
    on_each("summary", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = person_with_text(&api).await;
        let places = [
            format!("Patient/{id}?"),
            format!("Patient/{id}/_history/1?"),
            format!("Patient?_id={id}&"),
            format!("Patient/{id}/_history?"),
        ];
        let summary: Vec<&str> = WHOLE.into_iter().filter(|name| *name != "maritalStatus").collect();
        for place in places {
            let get = async |query: &str| api.get(&format!("{place}{query}")).await.expect(200).json();
            let check = async |query: &str, expected: &[&str]| {
                let answer = get(query).await;
                assert_eq!(names(resource(&answer)), expected, "{place}{query}");
                assert!(is_marked(resource(&answer)), "{place}{query}");
            };
            check("_summary=true", &summary).await;
            check("_summary=data", &WHOLE).await;
            check("_summary=text", &["id", "meta", "resourceType", "text"]).await;
            // What may change the meaning of the rest stays.
            check("_elements=gender", &["active", "gender", "id", "meta", "resourceType"]).await;
            check("_elements=Patient.name,birthDate", &["active", "birthDate", "id", "meta", "name", "resourceType"])
                .await;
            let whole = get("_summary=false").await;
            assert!(!is_marked(resource(&whole)) && resource(&whole)["text"].is_object());
            for bad in ["_summary=odd", "_elements=nonsense", "_elements=", "_elements=Observation.code"] {
                api.get(&format!("{place}{bad}")).await.refused(400);
            }
        }
        // Nothing of it was stored, and a part does not replace the whole.
        let stored = api.get(&format!("Patient/{id}")).await.json();
        assert!(stored["text"].is_object() && !is_marked(&stored));
        let part = api.get(&format!("Patient/{id}?_summary=true")).await.json();
        api.put(&format!("Patient/{id}"), &part).await.refused(422);
        api.put(&format!("Patient/{id}?_summary=true"), &stored).await.refused(400);
    });
}

#[test]
fn a_count_is_a_number_without_entries() {
    on_each("summary_count", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = person_with_text(&api).await;
        for place in [format!("Patient?_id={id}&"), format!("Patient/{id}/_history?")] {
            let answer = api.get(&format!("{place}_summary=count")).await.expect(200).json();
            assert_eq!(
                (answer["total"].as_u64(), answer.get("entry"), answer["link"].as_array().unwrap().len()),
                (Some(1), None, 1)
            );
        }
        api.get(&format!("Patient/{id}?_summary=count")).await.refused(400);
    });
}

#[test]
fn what_is_redacted_is_so_in_every_part() {
    on_each("summary_redacted", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        patient["address"] = json!([{"line": ["1 Hidden Lane"], "postalCode": "LS1 1AA"}]);
        patient["meta"] =
            json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
        let id = api.create(&patient).await;
        for query in ["_summary=true", "_summary=data", "_elements=address", "_format=xml", "_pretty=true"] {
            for place in [format!("Patient/{id}?"), format!("Patient?_id={id}&"), format!("Patient/{id}/_history?")] {
                let text = api.get(&format!("{place}{query}")).await.expect(200).text();
                assert!(!text.contains("Hidden Lane") && text.contains("REDACTED"), "{place}{query}: {text}");
            }
        }
    });
}

#[test]
fn a_deletion_in_a_history_has_no_part() {
    on_each("summary_deleted", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = person_with_text(&api).await;
        api.delete(&format!("Patient/{id}")).await.expect(204);
        let history = api.get(&format!("Patient/{id}/_history?_summary=true")).await.expect(200).json();
        assert!(
            history["entry"][0].get("resource").is_none() && is_marked(&history["entry"][1]["resource"]),
            "{history}"
        );
    });
}
