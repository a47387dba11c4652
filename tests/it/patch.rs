//! Patch: JSON Patch and FHIRPath Patch, of a named resource and of the one match.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Answer, Api, Person, observation, on_each, unique};

const JSON_PATCH: &str = "application/json-patch+json";

async fn json_patch(api: &Api<'_>, path: &str, operations: Value) -> Answer {
    api.call("PATCH", path).body(JSON_PATCH, operations.to_string()).send().await
}

/// A FHIRPath Patch of one operation that replaces a code.
fn replace(path: &str, code: &str) -> Value {
    json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": path},
        {"name": "value", "valueCode": code},
    ]}]})
}

#[test]
fn a_json_patch_makes_the_next_version() {
    on_each("patch_json", |app| async move {
        let api = app.system("system/*.cruds").await;
        let path = format!("Patient/{}", api.create(&Person::new().patient()).await);
        let male = json!([{"op": "test", "path": "/gender", "value": "female"}, {"op": "replace", "path": "/gender", "value": "male"}]);
        let patched = json_patch(&api, &path, male.clone()).await.expect(200);
        assert_eq!((patched.json()["gender"].as_str(), patched.header("etag")), (Some("male"), Some("W/\"2\"")));
        assert_eq!(api.get(&path).await.expect(200).body, patched.body);
        let history = api.get(&format!("{path}/_history")).await.json();
        assert_eq!(history["entry"][0]["request"]["method"], "PATCH");
        let again = json!([{"op": "add", "path": "/gender", "value": "male"}]);
        assert_eq!(json_patch(&api, &path, again).await.expect(200).header("etag"), Some("W/\"2\""), "nothing changed");
        json_patch(&api, &path, male).await.refused(422);
        let minimal = api.call("PATCH", &path).body(JSON_PATCH, r#"[{"op":"remove","path":"/gender"}]"#);
        assert!(minimal.header("prefer", "return=minimal").send().await.expect(200).body.is_empty());
        assert!(api.get(&path).await.json().get("gender").is_none());
    });
}

#[test]
fn a_fhirpath_patch_makes_the_next_version() {
    on_each("patch_fhirpath", |app| async move {
        let api = app.system("system/*.cruds").await;
        let path = format!("Patient/{}", api.create(&Person::new().patient()).await);
        let patch = |body: &Value| api.call("PATCH", &path).fhir(body).send();
        assert_eq!(patch(&replace("Patient.gender", "other")).await.expect(200).json()["gender"], "other");
        let said = patch(&replace("Patient.maritalStatus", "x")).await.refused(422);
        assert!(said.contains("Parameters.parameter[0]") && said.contains("finds nothing"), "{said}");
        patch(&replace("Patient.", "x")).await.refused(400);
        patch(&json!({"resourceType": "Patient"})).await.refused(400);
    });
}

#[test]
fn what_a_patch_does_not_touch_stays_byte_for_byte() {
    on_each("patch_bytes", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let sent = format!(
            r#"{{"resourceType":"Observation","status":"final","extension":[{{"url":"http://example.org/unknown","valueDecimal":1.10}}],
            "code":{{"coding":[{{"system":"http://loinc.org","code":"2345-7"}}]}},"subject":{{"reference":"Patient/{patient}"}},
            "effectiveDateTime":"2026-01-01","valueQuantity":{{"value":6.100}}}}"#
        );
        let created = api.call("POST", "Observation").body("application/json", sent).send().await.expect(201);
        let path = format!("Observation/{}", created.json()["id"].as_str().unwrap());
        let rest = |text: &str| text.split_once("\"code\":").unwrap().1.replace("amended", "final");
        let amended = json!([{"op": "replace", "path": "/status", "value": "amended"}]);
        let by_json = json_patch(&api, &path, amended).await.expect(200).text();
        let by_fhirpath = api.call("PATCH", &path).fhir(&replace("Observation.status", "corrected")).send().await;
        let by_fhirpath = by_fhirpath.expect(200).text();
        for text in [by_json, by_fhirpath] {
            assert!(text.contains("\"valueDecimal\":1.10"), "{text}");
            assert_eq!(rest(&text), rest(&created.text()));
        }
    });
}

#[test]
fn the_result_of_a_patch_is_validated_and_keeps_its_identity() {
    on_each("patch_refused", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = api.create(&Person::new().patient()).await;
        let path = format!("Patient/{id}");
        for (operations, status) in [
            (json!([{"op": "replace", "path": "/gender", "value": "nonsense"}]), 422),
            (json!([{"op": "add", "path": "/nonsense", "value": 1}]), 422),
            (json!([{"op": "replace", "path": "/id", "value": "another"}]), 422),
            (json!([{"op": "remove", "path": "/id"}]), 422),
            (json!([{"op": "replace", "path": "/resourceType", "value": "Person"}]), 422),
            (json!([{"op": "replace", "path": "", "value": {"resourceType": "Patient"}}]), 422),
            (json!([{"op": "remove", "path": "/nothing"}]), 422),
            (json!([{"op": "add", "path": "/meta/tag", "value": [{"code": "SUBSETTED"}]}]), 422),
            (json!([{"op": "nonsense", "path": "/gender"}]), 400),
            (json!({"op": "remove"}), 400),
        ] {
            json_patch(&api, &path, operations.clone()).await.refused(status);
            assert_eq!(api.get(&path).await.expect(200).header("etag"), Some("W/\"1\""), "{operations}");
        }
        // The server's own elements stand, whatever a patch says.
        let meta =
            json!([{"op": "replace", "path": "/meta/versionId", "value": "9"}, {"op": "remove", "path": "/gender"}]);
        assert_eq!(json_patch(&api, &path, meta).await.expect(200).json()["meta"]["versionId"], "2");
        let call = |content_type: &str| api.call("PATCH", &path).body(content_type, "<diff/>").send();
        call("application/xml-patch+xml").await.refused(415);
        call("text/plain").await.refused(415);
        json_patch(&api, "Patient/nobody", json!([])).await.refused(404);
        api.delete(&path).await.expect(204);
        json_patch(&api, &path, json!([])).await.refused(410);
    });
}

#[test]
fn a_patch_of_another_version_than_the_current_is_refused() {
    on_each("patch_if_match", |app| async move {
        let api = app.system("system/*.cruds").await;
        let path = format!("Patient/{}", api.create(&Person::new().patient()).await);
        let call = |etag: &str| {
            let body = json!([{"op": "replace", "path": "/gender", "value": "male"}]).to_string();
            api.call("PATCH", &path).body(JSON_PATCH, body).header("if-match", etag).send()
        };
        call("W/\"2\"").await.refused(412);
        call("W/\"1\"").await.expect(200);
        call("W/\"1\"").await.refused(412);
    });
}

#[test]
fn of_patches_at_once_none_is_lost() {
    on_each("patch_race", |app| async move {
        let api = app.system("system/*.cruds").await;
        let path = format!("Patient/{}", api.create(&Person::new().patient()).await);
        let add = |number: usize| {
            let operations = json!([{"op": "add", "path": "/name/0/given/-", "value": format!("Given{number}")}]);
            let (api, path) = (api.clone(), path.clone());
            async move { json_patch(&api, &path, operations).await.status }
        };
        let statuses = join_all((0..6).map(add)).await;
        // 409: others were faster too often.
        assert!(statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
        let done = statuses.iter().filter(|status| **status == 200).count();
        let given = api.get(&path).await.json()["name"][0]["given"].as_array().unwrap().len();
        assert!(done >= 1);
        assert_eq!(given, 1 + done, "what answered 200 is there");
    });
}

#[test]
fn a_conditional_patch_changes_the_one_match() {
    on_each("patch_conditional", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let url = format!("Patient?identifier={}", person.nhs_number);
        let male = || json!([{"op": "replace", "path": "/gender", "value": "male"}]);
        json_patch(&api, &url, male()).await.refused(404);
        let id = api.create(&person.patient()).await;
        let patched = json_patch(&api, &url, male()).await.expect(200).json();
        assert_eq!((patched["id"].as_str(), patched["gender"].as_str()), (Some(id.as_str()), Some("male")));
        let by_path = api.call("PATCH", &url).fhir(&replace("Patient.gender", "other")).send().await;
        assert_eq!(by_path.expect(200).json()["gender"], "other");
        api.create(&person.patient()).await;
        assert!(json_patch(&api, &url, male()).await.refused(412).contains("multiple-matches"));
        json_patch(&api, "Patient", male()).await.refused(400);
        json_patch(&api, "Patient?nonsense=1", male()).await.refused(400);
    });
}

#[test]
fn who_may_not_update_or_see_all_of_it_may_not_patch() {
    on_each("patch_policy", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let id = api.create(&person.patient()).await;
        let path = format!("Patient/{id}");
        let male = || json!([{"op": "replace", "path": "/gender", "value": "male"}]);
        json_patch(&app.system("system/Patient.rs").await, &path, male()).await.refused(403);
        // A test in a patch would read for it.
        json_patch(&app.system("system/Patient.u").await, &path, male()).await.refused(403);
        json_patch(&app.system("system/Patient.ru").await, &path, male()).await.expect(200);

        let label = |code: &str| {
            json!([{"op": "add", "path": "/meta/security", "value":
            [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code}]}])
        };
        let code = unique("code");
        let hidden = format!("Observation/{}", api.create(&observation(&id, &code, "2026-01-01")).await);
        json_patch(&api, &hidden, label("V")).await.expect(200);
        json_patch(&api, &hidden, json!([{"op": "remove", "path": "/meta/security"}])).await.refused(404);

        json_patch(&api, &path, label("R")).await.expect(200);
        let said = json_patch(&api, &path, json!([{"op": "remove", "path": "/meta/security"}])).await.refused(403);
        assert!(said.contains("parts taken out"), "{said}");

        let (mine, victim) = (Person::new(), Person::new());
        let own = api.create(&mine.patient()).await;
        let other = api.create(&victim.patient()).await;
        let launched = app.launched("launch/patient patient/*.cruds", &own).await;
        json_patch(&launched, &format!("Patient/{own}"), male()).await.expect(200);
        json_patch(&launched, &format!("Patient/{other}"), male()).await.refused(404);
        let stolen = json!([{"op": "replace", "path": "/identifier/0/value", "value": victim.nhs_number}]);
        assert!(json_patch(&launched, &format!("Patient/{own}"), stolen).await.refused(403).contains("linked by"));
    });
}
