//! History of a resource, a type and the whole server.

use serde_json::{Value, json};
use tests::{Api, Person, on_each};

/// `Type/id/version` of all entries, over all pages.
async fn versions(api: &Api<'_>, path: &str) -> Vec<String> {
    let (mut found, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(url) = next {
        let page = api.get(&url).await.expect(200);
        let bundle = page.json();
        assert_eq!((bundle["resourceType"].as_str(), bundle["type"].as_str()), (Some("Bundle"), Some("history")));
        for entry in bundle["entry"].as_array().into_iter().flatten() {
            let url = entry["fullUrl"].as_str().unwrap();
            let name: Vec<&str> = url.rsplit('/').take(2).collect();
            let version = entry["response"]["etag"].as_str().unwrap().replace(['W', '/', '"'], "");
            found.push(format!("{}/{}/{version}", name[1], name[0]));
        }
        next = page.link("next");
    }
    found
}

async fn of_three_versions(api: &Api<'_>) -> String {
    let mut patient: Value = Person::new().patient();
    let id = api.create(&patient).await;
    patient["id"] = json!(id);
    patient["gender"] = json!("male");
    api.put(&format!("Patient/{id}"), &patient).await.expect(200);
    api.delete(&format!("Patient/{id}")).await.expect(204);
    id
}

#[test]
fn the_history_of_a_resource_is_newest_first_and_paged() {
    on_each("history_instance", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = of_three_versions(&api).await;
        let expected: Vec<String> = (1..=3).rev().map(|version| format!("Patient/{id}/{version}")).collect();
        assert_eq!(versions(&api, &format!("Patient/{id}/_history")).await, expected);
        assert_eq!(versions(&api, &format!("Patient/{id}/_history?_count=1")).await, expected);

        let bundle = api.get(&format!("Patient/{id}/_history")).await.expect(200).json();
        assert_eq!(bundle["total"], 3);
        let entries = bundle["entry"].as_array().unwrap();
        let methods: Vec<&str> = entries.iter().map(|entry| entry["request"]["method"].as_str().unwrap()).collect();
        assert_eq!(methods, ["DELETE", "PUT", "POST"]);
        assert_eq!(entries[1]["resource"]["meta"]["versionId"], "2");

        api.get("Patient/never-there/_history").await.refused(404);
        api.get(&format!("Patient/{id}/_history?_count=none")).await.refused(400);
        api.get(&format!("Patient/{id}/_history?_since=yesterday")).await.refused(400);
        api.get(&format!("Patient/{id}/_history?nonsense=1")).await.refused(400);
        let since = versions(&api, &format!("Patient/{id}/_history?_since=2999-01-01T00:00:00Z")).await;
        assert!(since.is_empty());
    });
}

#[test]
fn the_histories_of_a_type_and_of_the_server_hold_each_version_once() {
    on_each("history_wide", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = of_three_versions(&api).await;
        let expected: Vec<String> = (1..=3).rev().map(|version| format!("Patient/{id}/{version}")).collect();
        for path in ["Patient/_history?_count=7", "_history?_count=7"] {
            let all = versions(&api, path).await;
            let mine: Vec<String> = all.into_iter().filter(|name| name.contains(&id)).collect();
            assert_eq!(mine, expected, "{path}");
        }
        assert!(!versions(&api, "Observation/_history").await.iter().any(|name| name.contains(&id)));
    });
}

#[test]
fn a_page_of_history_is_for_the_token_that_got_it() {
    on_each("history_link", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = of_three_versions(&api).await;
        let first = api.get(&format!("Patient/{id}/_history?_count=1")).await.expect(200);
        let next = first.link("next").unwrap();
        app.system("system/*.cruds").await.get(&next).await.refused(400);
        let other = next.replace(&format!("Patient/{id}/_history"), "Patient/_history");
        api.get(&other).await.refused(400);
        api.get(&next).await.expect(200);
    });
}

#[test]
fn a_history_at_a_time_holds_what_was_current_then() {
    on_each("history_at", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient: Value = Person::new().patient();
        let id = api.create(&patient).await;
        patient["id"] = json!(id);
        let first = api.get(&format!("Patient/{id}")).await.json();
        patient["gender"] = json!("male");
        let second = api.put(&format!("Patient/{id}"), &patient).await.expect(200).json();
        let moment = |resource: &Value| resource["meta"]["lastUpdated"].as_str().unwrap().to_owned();
        let day = moment(&second)[..10].to_owned();
        for (place, mine) in [
            (format!("Patient/{id}/_history"), true),
            ("Patient/_history".to_owned(), false),
            ("_history".to_owned(), false),
        ] {
            let at = async |when: &str| {
                let all = versions(&api, &format!("{place}?_at={when}&_count=1000")).await;
                let own: Vec<String> =
                    all.into_iter().filter(|version| version.starts_with(&format!("Patient/{id}/"))).collect();
                own.iter().map(|version| version.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(at("1999").await, Vec::<String>::new(), "{place}");
            assert_eq!(at(&day).await, ["2", "1"], "{place}");
            assert_eq!(at("2999-01-01").await, ["2"], "{place}");
            if moment(&first) < moment(&second) {
                assert_eq!(at(&moment(&first)).await, ["1"], "{place}");
            }
            if mine {
                api.get(&format!("{place}?_at=ge2020")).await.refused(400);
                api.get(&format!("{place}?_list=x")).await.refused(400);
            }
        }
    });
}
