//! Update: new versions, create by update, `If-Match`.

use serde_json::json;
use tests::{Person, on_each, unique};

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
