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
fn what_the_caller_has_is_not_sent_again() {
    on_each("conditional_read", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        let id = api.create(&patient).await;
        patient["id"] = json!(id);
        patient["gender"] = json!("other");
        let path = format!("Patient/{id}");
        let read = api.get(&path).await.header("last-modified").unwrap().to_owned();
        api.put(&path, &patient).await.expect(200);
        let (before, after) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sat, 06 Nov 2094 08:49:37 GMT");
        let check = async |conditions: &[(&str, &str)], status: u16| {
            for method in ["GET", "HEAD"] {
                let call =
                    conditions.iter().fold(api.call(method, &path), |call, (name, value)| call.header(name, value));
                let answer = call.send().await.expect(status);
                assert_eq!(answer.body.is_empty(), status == 304 || method == "HEAD", "{method} {conditions:?}");
                assert_eq!(answer.header("etag"), Some("W/\"2\""));
            }
        };
        check(&[("if-none-match", "W/\"2\"")], 304).await;
        check(&[("if-none-match", "W/\"1\", W/\"2\"")], 304).await;
        check(&[("if-none-match", "*")], 304).await;
        check(&[("if-none-match", "W/\"1\"")], 200).await;
        check(&[("if-none-match", "\"of-another-server\"")], 200).await;
        // What was read may have changed within the second.
        check(&[("if-modified-since", &read)], 200).await;
        check(&[("if-modified-since", after)], 304).await;
        check(&[("if-modified-since", before)], 200).await;
        check(&[("if-modified-since", "yesterday")], 200).await;
        // With both, the entity tag alone decides.
        check(&[("if-none-match", "W/\"1\""), ("if-modified-since", after)], 200).await;
        check(&[("if-none-match", "W/\"2\""), ("if-modified-since", before)], 304).await;
        // Whoever may not read it is not told whether it changed.
        let other = app.system("system/Observation.rs").await;
        other.call("GET", &path).header("if-none-match", "*").send().await.refused(403);

        let entry = |request: serde_json::Value| json!({"resourceType": "Bundle", "type": "batch", "entry": [{"request": request}]});
        let since = |text: &str| entry(json!({"method": "GET", "url": path, "ifModifiedSince": text}));
        let status = async |bundle: serde_json::Value| {
            let answer = api.post("", &bundle).await.expect(200).json();
            answer["entry"][0]["response"]["status"].as_str().unwrap().to_owned()
        };
        assert!(status(since("2094-11-06T08:49:37Z")).await.starts_with("304"));
        assert!(status(since("1994-11-06T08:49:37Z")).await.starts_with("200"));
        assert!(status(since("yesterday")).await.starts_with("400"));
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
        let refused = api.call("POST", &format!("Patient/{id}")).send().await;
        assert_eq!(refused.header("allow"), Some("GET, HEAD, PUT, PATCH, DELETE"));
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
