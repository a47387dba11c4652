//! Update: new versions, create by update, `If-Match`.

use futures_util::future::join_all;
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
        update("other", "W/\"1\", W/\"3\"").await.refused(412);
        update("other", "W/\"1\", two").await.refused(400);
        update("other", "W/\"1\", W/\"2\"").await.expect(200);
        update("unknown", "*").await.expect(200);
        // A condition that cannot be read is not left out.
        let call = api.call("PUT", &path).fhir(&patient).header("if-match", "W/\"4\"").header("if-match", "four");
        call.send().await.refused(400);
        let both = api.call("PUT", &path).fhir(&patient).header("if-match", "*").header("if-none-match", "W/\"9\"");
        both.send().await.refused(400);
        for method in ["PUT", "DELETE"] {
            api.call(method, "Patient/absent").fhir(&absent).header("if-match", "*").send().await.refused(412);
        }
        let patch = json!([{"op": "replace", "path": "/gender", "value": "male"}]).to_string();
        let patch = |name: &str, tags: &str| {
            api.call("PATCH", &path).body("application/json-patch+json", patch.clone()).header(name, tags).send()
        };
        patch("if-match", "W/\"1\", W/\"2\"").await.refused(412);
        patch("if-none-match", "W/\"4\"").await.refused(412);
        patch("if-match", "W/\"1\", W/\"4\"").await.expect(200);
        patch("if-match", "*").await.expect(200);
        let delete = |name: &str, tags: &str| api.call("DELETE", &path).header(name, tags).send();
        delete("if-none-match", "W/\"5\"").await.refused(412);
        delete("if-match", "W/\"5\"").await.expect(204);
        update("other", "*").await.refused(412);
    });
}

#[test]
fn of_updates_that_rule_out_the_version_they_saw_one_is_made() {
    on_each("update_guarded", |app| async move {
        let api = app.system("system/*.cru").await;
        let mut patient = Person::new().patient();
        let id = api.create(&patient).await;
        patient["id"] = json!(id);
        let path = format!("Patient/{id}");
        let update = async |n: usize| {
            let mut patient = patient.clone();
            patient["telecom"] = json!([{"system": "phone", "value": format!("07700 9000{n:02}")}]);
            let tags = (2..=21).map(|version| format!("W/\"{version}\"")).collect::<Vec<_>>().join(", ");
            api.call("PUT", &path).fhir(&patient).header("if-none-match", &tags).send().await.status
        };
        let mut found = join_all((0..20).map(update)).await;
        found.sort_unstable();
        assert_eq!(found, [vec![200], vec![412; 19]].concat());
    });
}

#[test]
fn what_is_hidden_matches_nothing() {
    on_each("update_hidden_match", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let mut hidden = observation(&patient, &unique("code"), "2026-01-01");
        hidden["meta"] =
            json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]});
        let id = api.create(&hidden).await;
        hidden["id"] = json!(id);
        hidden["status"] = json!("amended");
        let put = async |name: &str, tags: &str| {
            let call = api.call("PUT", &format!("Observation/{id}")).fhir(&hidden);
            call.header(name, tags).send().await.status
        };
        for tags in ["*", "W/\"1\"", "W/\"2\""] {
            assert_eq!(put("if-match", tags).await, 412, "{tags}");
            assert_eq!(put("if-none-match", tags).await, 404, "{tags}: no more than without it");
        }
    });
}

#[test]
fn a_version_of_another_patient_is_not_told_by_what_it_is_compared_with() {
    on_each("update_other_patient", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (own, other) = (api.create(&Person::new().patient()).await, api.create(&Person::new().patient()).await);
        let mut hidden = observation(&other, &unique("code"), "2026-01-01");
        let id = api.create(&hidden).await;
        let launched = app.launched("launch/patient patient/*.cruds", &own).await;
        for tags in ["*", "W/\"1\"", "W/\"2\""] {
            for of in [&other, &own] {
                hidden["subject"]["reference"] = json!(format!("Patient/{of}"));
                let mut found = Vec::new();
                for id in [&id, &unique("absent")] {
                    hidden["id"] = json!(id);
                    let put = launched.call("PUT", &format!("Observation/{id}")).fhir(&hidden).header("if-match", tags);
                    found.push(put.send().await.status);
                }
                assert_eq!(found[0], found[1], "{tags}, about {of}");
                assert!(found[0] >= 400);
            }
        }
    });
}

#[test]
fn the_id_of_the_path_is_the_id_of_the_body() {
    on_each("update_id", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let mut patient = person.patient();
        assert!(api.put("Patient/here", &patient).await.refused(400).contains("[\"Patient.id\"]"));
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
        // As where there is nothing; it stays.
        api.delete(&format!("Observation/{id}")).await.expect(204);
        let administrator = app.administrator().await;
        let meta = administrator.get(&format!("Observation/{id}/$meta")).await.expect(200).text();
        assert!(meta.contains("\"V\""), "{meta}");

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

#[test]
fn a_conditional_update_writes_the_one_match_or_creates() {
    on_each("update_conditional", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let url = format!("Patient?identifier={}&_format=json", person.nhs_number);
        let created = api.put(&url, &person.patient()).await.expect(201);
        let id = created.json()["id"].as_str().unwrap().to_owned();
        let mut changed = person.patient();
        changed["gender"] = json!("other");
        let updated = api.put(&url, &changed).await.expect(200);
        assert_eq!((updated.json()["id"].as_str(), updated.header("etag")), (Some(id.as_str()), Some("W/\"2\"")));
        changed["id"] = json!(id);
        api.put(&url, &changed).await.expect(200);
        changed["id"] = json!("another");
        api.put(&url, &changed).await.refused(400);
        api.get("Patient/another").await.refused(404);

        let stale = api.call("PUT", &url).fhir(&person.patient()).header("if-match", "W/\"1\"").send().await;
        stale.refused(412);
        api.create(&person.patient()).await;
        assert!(api.put(&url, &person.patient()).await.refused(412).contains("multiple-matches"));
    });
}

#[test]
fn a_conditional_update_without_a_match_creates_under_the_id_of_the_body() {
    on_each("update_conditional_id", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (person, id) = (Person::new(), unique("patient"));
        let mut patient = person.patient();
        patient["id"] = json!(id);
        let url = format!("Patient?identifier={}", person.nhs_number);
        let created = api.put(&url, &patient).await.expect(201);
        assert!(created.header("location").unwrap().contains(&format!("Patient/{id}/_history/1")));
        // The id is of a resource that the criteria do not mean.
        let other = Person::new();
        let mut stranger = other.patient();
        stranger["id"] = json!(id);
        api.put(&format!("Patient?identifier={}", other.nhs_number), &stranger).await.refused(409);
        assert_eq!(api.get(&format!("Patient/{id}")).await.json()["identifier"][0]["value"], json!(person.nhs_number));
    });
}

#[test]
fn criteria_that_are_not_understood_update_nothing() {
    on_each("update_conditional_bad", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        for query in ["", "?", "?_format=json", "?nonsense=1", "?identifier=", "?_count=1"] {
            api.put(&format!("Patient{query}"), &person.patient()).await.refused(400);
            // What is left out of criteria would match what was not meant.
            let lenient = api.call("PUT", &format!("Patient{query}")).fhir(&person.patient());
            lenient.header("prefer", "handling=lenient").send().await.refused(400);
        }
        assert!(api.find(&format!("Patient?identifier={}", person.nhs_number)).await.is_empty());
        // The answer tells whether a match exists: that is a search.
        let blind = app.system("system/Patient.cu").await;
        blind.put(&format!("Patient?identifier={}", person.nhs_number), &person.patient()).await.refused(403);
    });
}

#[test]
fn of_conditional_updates_at_once_none_makes_a_second_resource() {
    on_each("update_conditional_race", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let url = format!("Patient?identifier={}", person.nhs_number);
        let update = |number: usize| {
            let mut patient = person.patient();
            patient["name"][0]["text"] = json!(format!("Number {number}"));
            let (api, url) = (api.clone(), url.clone());
            async move { api.put(&url, &patient).await }
        };
        let answers = join_all((0..8).map(update)).await;
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201)));
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(api.find(&url).await.len(), 1);
    });
}

#[test]
fn an_update_can_ask_that_there_be_nothing_yet() {
    on_each("update_if_none_match", |app| async move {
        let api = app.system("system/*.cruds").await;
        let path = format!("Patient/{}", unique("patient"));
        let mut patient = Person::new().patient();
        patient["id"] = json!(path.strip_prefix("Patient/"));
        let update = || api.call("PUT", &path).fhir(&patient).header("if-none-match", "*").send();
        update().await.expect(201);
        update().await.refused(412);
    });
}

#[test]
fn if_none_match_rules_out_what_is_there() {
    on_each("update_none_match", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let id = api.create(&person.patient()).await;
        let mut whole = person.patient();
        whole["id"] = json!(id);
        whole["gender"] = json!("other");
        for path in [format!("Patient/{id}"), format!("Patient?identifier={}", person.nhs_number)] {
            let put = async |tag: &str| api.call("PUT", &path).fhir(&whole).header("if-none-match", tag).send().await;
            put("*").await.refused(412);
            put("W/\"7\", W/\"1\"").await.refused(412);
            put("W/\"7\", *,").await.refused(412);
            let twice = api.call("PUT", &path).fhir(&whole).header("if-none-match", "*").header("if-none-match", "*");
            twice.send().await.refused(412);
        }
        assert_eq!(api.get(&format!("Patient/{id}")).await.json()["meta"]["versionId"], "1");
        let put = api.call("PUT", &format!("Patient/{id}")).fhir(&whole).header("if-none-match", "W/\"7\"");
        put.send().await.expect(200);
        let nobody = format!("Patient?identifier={}", Person::new().nhs_number);
        api.call("PUT", &nobody).fhir(&Person::new().patient()).header("if-none-match", "*").send().await.expect(201);
    });
}
