//! Update: new versions, create by update, `If-Match`.

use serde_json::json;
use tests::{Person, consent, observation, on_each, unique};

#[test]
fn an_update_makes_the_next_version_and_can_create() {
    on_each("update", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = unique("patient");
        let path = format!("Patient/{id}");
        let mut patient = Person::new().patient();
        patient["id"] = json!(id);
        let created = api.put(&path, &patient).await.expect(201);
        assert_eq!(created.header("location"), Some(format!("{}/{path}/_history/1", app.base_url).as_str()));
        patient["gender"] = json!("other");
        let updated = api.put(&path, &patient).await.expect(200);
        assert_eq!(updated.header("etag"), Some("W/\"2\""));
        let unchanged = api.put(&path, &patient).await.expect(200);
        assert_eq!(unchanged.header("etag"), Some("W/\"2\""), "an unchanged update is no new version");

        api.delete(&path).await.expect(204);
        let back = api.put(&path, &patient).await.expect(201);
        assert_eq!(back.header("etag"), Some("W/\"4\""));
    });
}

#[test]
fn an_update_of_another_version_than_the_current_is_refused() {
    on_each("update_if_match", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        let id = api.create(&patient).await;
        patient["id"] = json!(id);
        let path = format!("Patient/{id}");
        let update = |gender: &str, version: &str| {
            let mut patient = patient.clone();
            patient["gender"] = json!(gender);
            api.call("PUT", &path).fhir(&patient).header("if-match", version).send()
        };
        update("male", "W/\"1\"").await.expect(200);
        update("other", "W/\"1\"").await.refused(412);
        update("other", "one").await.refused(400);
        assert_eq!(api.get(&path).await.json()["gender"], "male");
        api.call("DELETE", &path).header("if-match", "W/\"1\"").send().await.refused(412);
        let absent = json!({"resourceType": "Patient", "id": "absent"});
        api.call("PUT", "Patient/absent").fhir(&absent).header("if-match", "W/\"1\"").send().await.refused(412);
        api.call("DELETE", &path).header("if-match", "W/\"2\"").send().await.expect(204);
    });
}

#[test]
fn the_id_of_the_path_is_the_id_of_the_body() {
    on_each("update_id", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let mut patient = person.patient();
        api.put("Patient/here", &patient).await.refused(400);
        patient["id"] = json!("there");
        api.put("Patient/here", &patient).await.refused(400);
        patient["id"] = json!("not_an_id");
        api.put("Patient/not_an_id", &patient).await.refused(400);
        // A logical id travels in paths, logs and references, where an NHS number must not be.
        patient["id"] = json!(person.nhs_number);
        let said = api.put(&format!("Patient/{}", person.nhs_number), &patient).await.refused(422);
        assert!(!said.contains(&person.nhs_number), "{said}");
    });
}

#[test]
fn what_the_caller_cannot_see_is_not_replaced() {
    on_each("update_hidden", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let patient = api.create(&person.patient()).await;
        let label = |code: &str| json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code}]});
        let mut labelled = observation(&patient, &unique("code"), "2026-01-01");
        labelled["meta"] = label("V");
        let id = api.create(&labelled).await;
        labelled["id"] = json!(id);
        labelled.as_object_mut().unwrap().remove("meta");
        api.put(&format!("Observation/{id}"), &labelled).await.refused(404);
        api.delete(&format!("Observation/{id}")).await.refused(404);

        // Shown with parts taken out, it would lose them for good.
        let mut sensitive = person.patient();
        sensitive["id"] = json!(patient);
        sensitive["meta"] = label("R");
        api.put(&format!("Patient/{patient}"), &sensitive).await.expect(200);
        sensitive.as_object_mut().unwrap().remove("meta");
        assert!(api.put(&format!("Patient/{patient}"), &sensitive).await.refused(403).contains("parts taken out"));

        let other = Person::new();
        let id = api.create(&other.patient()).await;
        let denial = api.create(&consent(&id, "TREAT")).await;
        let mut changed = other.patient();
        changed["id"] = json!(id);
        changed["gender"] = json!("other");
        api.put(&format!("Patient/{id}"), &changed).await.refused(404);
        // Whoever keeps the consents can take the denial back.
        api.delete(&format!("Consent/{denial}")).await.expect(204);
        api.put(&format!("Patient/{id}"), &changed).await.expect(200);
    });
}

#[test]
fn an_app_of_the_patient_cannot_change_who_the_patient_is() {
    on_each("update_identity", |app| async move {
        let all = app.system("system/*.cruds").await;
        let (own, victim) = (Person::new(), Person::new());
        let id = all.create(&own.patient()).await;
        let api = app.launched("launch/patient patient/*.cruds", &id).await;
        let mut patient = own.patient();
        patient["id"] = json!(id);
        patient["telecom"] = json!([{"system": "phone", "value": "07700 900123"}]);
        api.put(&format!("Patient/{id}"), &patient).await.expect(200);
        let stolen = victim.patient();
        for element in ["identifier", "birthDate"] {
            let mut changed = patient.clone();
            changed[element] = if element == "birthDate" { json!("1931-01-02") } else { stolen[element].clone() };
            assert!(api.put(&format!("Patient/{id}"), &changed).await.refused(403).contains("linked by"), "{element}");
        }
    });
}

#[test]
fn what_says_that_parts_were_left_out_replaces_nothing() {
    on_each("update_part", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        let id = api.create(&patient).await;
        patient["id"] = json!(id);
        for meta in [json!({"tag": [{"code": "SUBSETTED"}]}), json!({"security": [{"code": "REDACTED"}]})] {
            patient["meta"] = meta;
            assert!(api.put(&format!("Patient/{id}"), &patient).await.refused(422).contains("left out"));
        }
    });
}
