//! `$meta`, `$meta-add`, `$meta-delete`, and who may lift a confidentiality label.

use serde_json::{Value, json};
use store::audit::AuditOutcome;
use tests::{Answer, Person, label, observation, on_each, on_each_own, unique};

fn posted(meta: Value) -> Value {
    json!({"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]})
}

#[track_caller]
fn meta_of(answer: Answer) -> Value {
    let body = answer.expect(200).json();
    assert_eq!(
        (body["resourceType"].as_str(), body["parameter"][0]["name"].as_str()),
        (Some("Parameters"), Some("return"))
    );
    body["parameter"][0]["valueMeta"].clone()
}

#[test]
fn labels_are_added_once_and_deleted_and_each_change_is_a_version() {
    on_each("meta", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        patient["extension"] = json!([{"url": "http://example.org/x", "valueDecimal": 1.5}]);
        let text = patient.to_string().replace("1.5}", "1.50}");
        let created = api.call("POST", "Patient").body("application/fhir+json", text).send().await.expect(201);
        let path = format!("Patient/{}", created.json()["id"].as_str().unwrap());
        let tag = json!({"system": "http://example.org/tags", "code": unique("tag")});
        let add = posted(json!({"tag": [tag]}));
        let added = meta_of(api.post(&format!("{path}/$meta-add"), &add).await);
        assert_eq!((&added["tag"][0], added["versionId"].as_str()), (&tag, Some("2")));
        let again = api.post(&format!("{path}/$meta-add"), &add).await;
        assert_eq!(again.header("etag"), Some("W/\"2\""));
        assert_eq!(meta_of(again), added);
        assert_eq!(meta_of(api.get(&format!("{path}/$meta")).await), added);
        let code = tag["code"].as_str().unwrap();
        assert_eq!(api.find(&format!("Patient?_tag={code}")).await.len(), 1);
        let read = api.get(&path).await.expect(200);
        assert!(read.text().contains("1.50"), "the rest stays byte for byte: {}", read.text());

        let gone = meta_of(api.post(&format!("{path}/$meta-delete"), &add).await);
        assert_eq!((gone.get("tag"), gone["versionId"].as_str()), (None, Some("3")));
        assert_eq!(meta_of(api.post(&format!("{path}/$meta-delete"), &add).await), gone);
        assert!(api.find(&format!("Patient?_tag={code}")).await.is_empty());
        assert_eq!(api.get(&format!("{path}/_history")).await.expect(200).json()["entry"].as_array().unwrap().len(), 3);
    });
}

#[test]
fn what_is_in_use_is_told_of_what_may_be_seen() {
    on_each_own(
        "meta_in_use",
        |_| (),
        |app| async move {
            let all = app.system("system/*.cruds").await;
            let tagged = |code: &str, security: &[&str]| {
                let mut resource = Person::new().patient();
                let security: Vec<Value> = security.iter().map(|code| label(code)).collect();
                resource["meta"] = json!({"tag": [{"system": "http://example.org/tags", "code": code}]});
                if !security.is_empty() {
                    resource["meta"]["security"] = json!(security);
                }
                resource
            };
            // The output is there once, and FHIR has no empty object.
            let absent = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
            let nothing = json!({"extension": [{"url": absent, "valueCode": "not-applicable"}]});
            assert_eq!(meta_of(all.get("$meta").await), nothing);
            let own = all.create(&tagged("own", &["N"])).await;
            all.create(&tagged("other", &[])).await;
            all.create(&tagged("hidden", &["V"])).await;
            let codes = |meta: &Value, list: &str| -> Vec<String> {
                meta[list]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|one| one["code"].as_str().unwrap().to_owned())
                    .collect()
            };
            for path in ["Patient/$meta", "$meta"] {
                let meta = meta_of(all.get(path).await);
                assert_eq!(codes(&meta, "tag"), ["other", "own"]);
                assert_eq!(codes(&meta, "security"), ["N"]);
                assert!(meta.get("versionId").is_none() && meta.get("lastUpdated").is_none());
            }
            let app_of_own = app.launched("launch/patient patient/*.rs", &own).await;
            assert_eq!(codes(&meta_of(app_of_own.get("Patient/$meta").await), "tag"), ["own"]);
            app.system("system/Observation.rs").await.get("Patient/$meta").await.refused(403);
            let narrow = meta_of(app.system("system/Observation.rs").await.get("$meta").await);
            assert_eq!(narrow, nothing);
        },
    );
}

#[test]
fn what_cannot_be_changed_is_refused() {
    on_each("meta_refused", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = api.create(&Person::new().patient()).await;
        let tag = posted(json!({"tag": [{"code": "x"}]}));
        for (operation, body, status) in [
            ("$meta-add", json!({"resourceType": "Parameters"}), 400),
            ("$meta-add", posted(json!({"versionId": "9"})), 400),
            ("$meta-delete", Person::new().patient(), 400),
            ("$meta-add", posted(json!({"profile": ["http://example.org/none", 7]})), 422),
            ("$meta-add", posted(json!({"tag": [{"code": "SUBSETTED"}]})), 422),
        ] {
            api.post(&format!("Patient/{id}/{operation}"), &body).await.refused(status);
        }
        for operation in ["$meta-add", "$meta-delete"] {
            let path = format!("Patient/{id}/{operation}");
            api.get(&path).await.refused(405);
            api.post(&format!("Patient/never-there/{operation}"), &tag).await.refused(404);
            api.call("POST", &path).header("if-match", "W/\"5\"").fhir(&tag).send().await.refused(412);
            app.system("system/*.rs").await.post(&path, &tag).await.refused(403);
            app.analyst().await.post(&path, &tag).await.refused(403);
        }
        api.delete(&format!("Patient/{id}")).await.expect(204);
        api.post(&format!("Patient/{id}/$meta-add"), &tag).await.refused(410);
        api.get(&format!("Patient/{id}/$meta")).await.refused(410);
    });
}

#[test]
fn an_administrator_and_nobody_else_lifts_a_label() {
    on_each("meta_lift", |app| async move {
        let all = app.system("system/*.cruds").await;
        let administrator = app.administrator().await;
        let patient = all.create(&Person::new().patient()).await;
        for code in ["R", "V"] {
            let mut resource = observation(&patient, "1-1", "2026-01-01");
            let id = all.create(&resource).await;
            let path = format!("Observation/{id}");
            let one = posted(json!({"security": [label(code)]}));
            meta_of(all.post(&format!("{path}/$meta-add"), &one).await);
            // Restricted, it is seen by whoever cares for the patient; very restricted, by nobody.
            let (seen, refused) = if code == "R" { (200, 403) } else { (404, 404) };
            assert_eq!(all.get(&path).await.status, seen);
            all.post(&format!("{path}/$meta-delete"), &one).await.refused(refused);
            resource["id"] = json!(id);
            all.put(&path, &resource).await.refused(refused);
            let launched = app.launched("launch/patient patient/*.cruds", &patient).await;
            launched.post(&format!("{path}/$meta-delete"), &one).await.refused(refused);

            assert_eq!(meta_of(administrator.get(&format!("{path}/$meta")).await)["security"][0]["code"], code);
            let request = unique("request");
            let lift = administrator.call("POST", &format!("{path}/$meta-delete")).header("x-request-id", &request);
            let meta = meta_of(lift.fhir(&one).send().await);
            assert_eq!((meta.get("security"), meta["versionId"].as_str()), (None, Some("3")));
            let records = app.audited(&request).await;
            assert_eq!(
                (records[0].record.interaction.as_str(), records[0].record.outcome),
                ("MetaDelete", AuditOutcome::Success)
            );
            assert_eq!(records[0].record.patients, [patient.as_str()]);
            all.get(&path).await.expect(200);
            all.put(&path, &resource).await.expect(200);
        }
        // What may be lifted may not be read.
        administrator.get(&format!("Patient/{patient}")).await.refused(403);
        administrator.get(&format!("Observation?patient={patient}")).await.refused(403);
        administrator
            .post(&format!("Patient/{patient}/$meta-add"), &posted(json!({"tag": [{"code": "x"}]})))
            .await
            .refused(403);
    });
}

#[test]
fn a_sensitive_patient_is_shown_whole_again_when_the_label_is_lifted() {
    on_each("meta_sensitive", |app| async move {
        let all = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        patient["meta"] = json!({"security": [label("R")]});
        patient["address"] = json!([{"line": ["1 Hidden Lane"]}]);
        let path = format!("Patient/{}", all.create(&patient).await);
        let one = posted(json!({"security": [label("R")]}));
        assert!(!all.get(&path).await.text().contains("Hidden Lane"));
        for operation in ["$meta-delete", "$meta-add"] {
            let text = all.post(&format!("{path}/{operation}"), &one).await.refused(403);
            assert!(!text.contains("Hidden Lane"));
        }
        let lifted = app.administrator().await.post(&format!("{path}/$meta-delete"), &one).await.expect(200);
        assert!(!lifted.text().contains("Hidden Lane"));
        assert!(all.get(&path).await.expect(200).text().contains("Hidden Lane"));
        assert!(!all.get(&path).await.text().contains("REDACTED"));
    });
}
