//! Read, conditional read and vread.

use serde_json::json;
use tests::{Person, on_each};

#[test]
fn a_created_resource_is_read_with_its_version() {
    on_each("read", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let id = api.create(&person.patient()).await;
        let read = api.get(&format!("Patient/{id}")).await.expect(200);
        assert_eq!(read.header("etag"), Some("W/\"1\""));
        assert_eq!(read.header("content-type"), Some("application/fhir+json"));
        assert_eq!(read.header("cache-control"), Some("no-store"));
        assert!(read.header("last-modified").is_some());
        assert_eq!(read.json()["name"][0]["family"], json!(person.family));
        assert_eq!(read.json()["meta"]["versionId"], "1");

        let call = api.call("GET", &format!("Patient/{id}"));
        let unchanged = call.header("if-none-match", "W/\"1\"").send().await.expect(304);
        assert!(unchanged.body.is_empty());

        api.get("Patient/nobody").await.refused(404);
        api.get("Nothing/1").await.refused(404);
        api.get(&format!("Observation/{id}")).await.refused(404);
    });
}

#[test]
fn head_is_answered_as_get_is_without_its_body() {
    on_each("head", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = api.create(&Person::new().patient()).await;
        for (path, status) in [
            (format!("Patient/{id}"), 200),
            (format!("Patient/{id}/_history/1"), 200),
            (format!("Patient/{id}/_history"), 200),
            (format!("Patient?_id={id}"), 200),
            ("metadata".to_owned(), 200),
            (".well-known/smart-configuration".to_owned(), 200),
            ("Patient/nobody".to_owned(), 404),
        ] {
            let head = api.call("HEAD", &path).send().await.expect(status);
            let get = api.get(&path).await.expect(status);
            assert!(head.body.is_empty() && !get.body.is_empty());
            for name in ["content-type", "content-length", "etag", "last-modified", "cache-control"] {
                assert_eq!(head.header(name), get.header(name), "{name} of {path}");
            }
        }
        // A HEAD starts nothing.
        let refused = api.call("HEAD", "Patient/$export").send().await.expect(405);
        assert_eq!(refused.header("allow"), Some("GET, POST"));
        let refused = api.call("PATCH", &format!("Patient/{id}")).send().await;
        assert_eq!(refused.header("allow"), Some("GET, HEAD, PUT, DELETE"));
        refused.refused(405);
    });
}

#[test]
fn each_version_is_read_and_no_other() {
    on_each("vread", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        let id = api.create(&patient).await;
        patient["id"] = json!(id);
        patient["gender"] = json!("other");
        api.put(&format!("Patient/{id}"), &patient).await.expect(200);

        let first = api.get(&format!("Patient/{id}/_history/1")).await.expect(200);
        assert_eq!((first.json()["gender"].as_str(), first.header("etag")), (Some("female"), Some("W/\"1\"")));
        let second = api.get(&format!("Patient/{id}/_history/2")).await.expect(200);
        assert_eq!((second.json()["gender"].as_str(), second.header("etag")), (Some("other"), Some("W/\"2\"")));
        api.get(&format!("Patient/{id}/_history/3")).await.refused(404);
        api.get(&format!("Patient/{id}/_history/one")).await.refused(404);

        api.delete(&format!("Patient/{id}")).await.expect(204);
        api.get(&format!("Patient/{id}")).await.refused(410);
        api.get(&format!("Patient/{id}/_history/3")).await.refused(410);
        api.get(&format!("Patient/{id}/_history/2")).await.expect(200);
    });
}
