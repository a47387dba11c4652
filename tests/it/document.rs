//! `$document`: a Composition with all that it refers to, or none.

use serde_json::{Value, json};
use tests::{Api, Person, label, observation, on_each};

async fn composition(api: &Api<'_>, patient: &str, entry: &str) -> Value {
    let author = api.create(&json!({"resourceType": "Practitioner", "name": [{"family": "Author"}]})).await;
    json!({"resourceType": "Composition", "status": "final", "type": {"text": "Letter"}, "date": "2026-01-01",
        "title": "Letter", "subject": {"reference": format!("Patient/{patient}")},
        "author": [{"reference": format!("Practitioner/{author}")}],
        "section": [{"title": "Results", "entry": [{"reference": entry}]}]})
}

#[test]
fn a_document_holds_the_composition_and_what_it_refers_to() {
    on_each("document", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let result = format!("Observation/{}", api.create(&observation(&patient, "1-1", "2026-01-01")).await);
        let mut body = composition(&api, &patient, &result).await;
        body["custodian"] = json!({"reference": "http://elsewhere.example/Organization/1"});
        let author = body["author"][0]["reference"].as_str().unwrap().to_owned();
        let id = api.create(&body).await;
        let by_type = format!("Composition/$document?id=Composition/{id}");
        for url in [format!("Composition/{id}/$document"), format!("Composition/$document?id={id}"), by_type] {
            let answer = api.get(&url).await.expect(200);
            assert_eq!(
                answer.names(),
                [format!("Composition/{id}"), result.clone(), format!("Patient/{patient}"), author.clone()]
            );
            let bundle = answer.json();
            assert_eq!(bundle["type"], "document");
            assert!(
                bundle["identifier"]["value"].as_str().unwrap().starts_with("urn:uuid:")
                    && bundle["timestamp"].is_string()
            );
            assert_eq!(bundle["entry"][0]["fullUrl"], format!("{}/Composition/{id}", app.base_url));
            let outcome = api.post("Bundle/$validate", &bundle).await.expect(200).text();
            assert!(!outcome.contains("\"error\""), "{outcome}");
        }
        let posted = json!({"resourceType": "Parameters", "parameter": [{"name": "persist", "valueBoolean": false}]});
        api.post(&format!("Composition/{id}/$document"), &posted).await.expect(200);
    });
}

#[test]
fn a_document_that_would_not_be_whole_is_refused() {
    on_each("document_parts", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let mut hidden = observation(&patient, "1-1", "2026-01-01");
        hidden["meta"] = json!({"security": [label("V")]});
        let hidden = format!("Observation/{}", api.create(&hidden).await);
        let mut texts = Vec::new();
        for entry in [hidden.as_str(), "Observation/never-there"] {
            let id = api.create(&composition(&api, &patient, entry).await).await;
            let text = api.get(&format!("Composition/{id}/$document")).await.refused(422);
            assert!(text.contains("Composition.section") && !text.contains("Composition.subject"), "{text}");
            texts.push(text);
        }
        assert_eq!(texts[0], texts[1], "what is hidden is as what is not there");
        let whole = api.create(&observation(&patient, "1-1", "2026-01-01")).await;
        let id = api.create(&composition(&api, &patient, &format!("Observation/{whole}")).await).await;
        let narrow = app.system("system/Composition.rs system/Patient.rs").await;
        narrow.get(&format!("Composition/{id}/$document")).await.refused(422);
        let other = api.create(&Person::new().patient()).await;
        let launched = app.launched("launch/patient patient/*.rs", &other).await;
        launched.get(&format!("Composition/{id}/$document")).await.refused(404);
    });
}

#[test]
fn what_is_not_offered_is_refused() {
    on_each("document_refused", |app| async move {
        let api = app.system("system/*.rs").await;
        for (query, status) in
            [("?persist=true", 400), ("?graph=http://example.org/g", 400), ("?id=x", 400), ("?x=y", 400), ("", 404)]
        {
            api.get(&format!("Composition/never-there/$document{query}")).await.refused(status);
        }
        for query in ["", "?id=http://elsewhere.example/Composition/1", "?id=Patient/1"] {
            api.get(&format!("Composition/$document{query}")).await.refused(400);
        }
        app.system("system/Patient.rs").await.get("Composition/x/$document").await.refused(403);
        app.analyst().await.get("Composition/x/$document").await.refused(403);
    });
}
