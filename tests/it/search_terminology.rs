//! `:in`, `:not-in`, `:below` and `:above` by value sets and code systems that are stored.

use serde_json::{Value, json};
use tests::{on_each, unique};

#[test]
fn stored_value_sets_and_code_systems_count_in_searches() {
    on_each("search_terminology", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (system, set) =
            (format!("urn:weir:{}", unique("system")), format!("http://weir.example/{}", unique("set")));
        let codes = json!({"resourceType": "CodeSystem", "url": system, "status": "active", "content": "complete", "caseSensitive": true,
            "concept": [{"code": "a", "concept": [{"code": "b"}]}, {"code": "c"}]});
        api.create(&codes).await;
        let filter = json!([{"property": "concept", "op": "is-a", "value": "a"}]);
        let compose = json!({"include": [{"system": system, "filter": filter}]});
        let mut value_set = json!({"resourceType": "ValueSet", "url": set, "status": "active", "compose": compose});
        let id = api.create(&value_set).await;
        let mut basics = Vec::new();
        for code in ["a", "b", "c"] {
            let basic = json!({"resourceType": "Basic", "code": {"coding": [{"system": system, "code": code}]}});
            basics.push(api.create(&basic).await);
        }
        let check = async |search: &str, places: &[usize]| {
            let mut found = api.find(&format!("Basic?code={system}%7C&{search}")).await;
            let mut expected: Vec<&String> = places.iter().map(|place| &basics[*place]).collect();
            found.sort();
            expected.sort();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{search}");
        };
        check(&format!("code:in={set}"), &[0, 1]).await;
        check(&format!("code:not-in={set}"), &[2]).await;
        check(&format!("_filter=code%20in%20{set}"), &[0, 1]).await;
        check(&format!("_filter=code%20in%20%22{set}%22%20and%20not(code%20eq%20{system}%7Cb)"), &[0]).await;
        // By where it is stored, here or with the whole url; a url of another server's is a canonical one.
        let place = format!("{}/ValueSet/{id}", app.house.config.server.base_url());
        for name in [format!("ValueSet/{id}"), place.clone()] {
            check(&format!("code:in={name}"), &[0, 1]).await;
            check(&format!("code:not-in={name}"), &[2]).await;
            check(&format!("_filter=code%20in%20%22{name}%22"), &[0, 1]).await;
            check(&format!("code:in={set},{name}"), &[0, 1]).await;
        }
        let reader = app.system("system/Basic.rs system/ValueSet.r system/CodeSystem.rs").await;
        assert_eq!(reader.find(&format!("Basic?code:in=ValueSet/{id}")).await.len(), 2);
        for name in ["ValueSet/never-there", "Basic/x", &format!("https://other.example/ValueSet/{id}")] {
            let outcome = api.get(&format!("Basic?code:in={name}")).await.expect(400).json();
            assert_eq!(outcome["issue"][0]["code"], "not-found", "{outcome}");
        }
        let many: Vec<String> = (0..501).map(|number| format!("ValueSet/x{number}")).collect();
        let outcome = api.get(&format!("Basic?code:in={}", many.join(","))).await.expect(403).json();
        assert!(outcome.to_string().contains("at most 500 value sets"), "{outcome}");
        check(&format!("code:below={system}%7Ca"), &[0, 1]).await;
        check(&format!("code:above={system}%7Cb"), &[0, 1]).await;
        check(&format!("code:below={system}%7Cc"), &[2]).await;
        value_set["id"] = Value::from(id.as_str());
        value_set["compose"] = json!({"include": [{"system": system, "concept": [{"code": "c"}]}]});
        api.put(&format!("ValueSet/{id}"), &value_set).await.expect(200);
        check(&format!("code:in={set}"), &[2]).await;
        // Whoever may not search value sets is told of none.
        let narrow = app.system("system/Basic.rs").await;
        for name in [set.as_str(), &format!("ValueSet/{id}")] {
            let outcome = narrow.get(&format!("Basic?code:in={name}")).await.expect(400).json();
            assert_eq!(outcome["issue"][0]["code"], "not-found", "{outcome}");
        }
        api.delete(&format!("ValueSet/{id}")).await.expect(204);
        api.get(&format!("Basic?code:in={set}")).await.refused(400);
        api.get(&format!("Basic?code:in=ValueSet/{id}")).await.refused(400);
    });
}
