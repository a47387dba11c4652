//! `$subsumes`: which of two codes is more general.

use serde_json::{Value, json};
use tests::{on_each, unique};

const ROLE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

#[test]
fn the_hierarchy_decides() {
    on_each("subsumes", |app| async move {
        let api = app.system("system/*.cruds").await;
        let check = async |query: String, expected: &str| {
            let told = api.get(&format!("CodeSystem/{query}")).await.expect(200).json();
            assert_eq!(told["parameter"][0], json!({"name": "outcome", "valueCode": expected}), "{query}");
        };
        for (a, b, expected) in [
            ("MTH", "MTH", "equivalent"),
            ("PRN", "MTH", "subsumes"),
            ("MTH", "FAMMEMB", "subsumed-by"),
            ("MTH", "FTH", "not-subsumed"),
        ] {
            check(format!("$subsumes?system={ROLE}&codeA={a}&codeB={b}"), expected).await;
        }
        // Two parents, one by nesting and one by name; and a child by name.
        let url = format!("urn:weir:test:{}", unique("codes"));
        let system = |hierarchy: Option<&str>| {
            let mut system = json!({"resourceType": "CodeSystem", "url": url, "status": "active", "content": "complete", "caseSensitive": true,
                "property": [{"code": "under", "uri": "http://hl7.org/fhir/concept-properties#parent", "type": "code"}],
                "concept": [{"code": "a", "property": [{"code": "child", "valueCode": "e"}]}, {"code": "b"}, {"code": "e"},
                    {"code": "c", "concept": [{"code": "d", "property": [{"code": "under", "valueCode": "b"}]}]}]});
            system
                .as_object_mut()
                .unwrap()
                .extend(hierarchy.map(|meaning| ("hierarchyMeaning".to_owned(), Value::from(meaning))));
            system
        };
        let id = api.create(&system(None)).await;
        for (a, b, expected) in
            [("b", "d", "subsumes"), ("d", "c", "subsumed-by"), ("a", "e", "subsumes"), ("a", "d", "not-subsumed")]
        {
            check(format!("{id}/$subsumes?codeA={a}&codeB={b}"), expected).await;
        }
        // The path names that one, whatever newer version there is of its url.
        let mut newer = system(None);
        newer["version"] = json!("2");
        newer["concept"] = json!([{"code": "b"}, {"code": "d"}]);
        let newer = api.create(&newer).await;
        check(format!("{id}/$subsumes?codeA=b&codeB=d"), "subsumes").await;
        api.delete(&format!("CodeSystem/{newer}")).await.expect(204);
        let coding = |name: &str, code: &str| json!({"name": name, "valueCoding": {"system": url, "code": code}});
        let body = json!({"resourceType": "Parameters", "parameter": [coding("codingA", "b"), coding("codingB", "d")]});
        let told = api.post("CodeSystem/$subsumes", &body).await.expect(200).json();
        assert_eq!(told["parameter"][0]["valueCode"], "subsumes");
        let mut parts = system(Some("part-of"));
        parts["id"] = json!(id);
        api.put(&format!("CodeSystem/{id}"), &parts).await.expect(200);
        api.get(&format!("CodeSystem/{id}/$subsumes?codeA=b&codeB=d")).await.refused(422);
        for (query, status) in [
            (format!("system={ROLE}&codeA=MTH"), 400),
            ("codeA=MTH&codeB=PRN".to_owned(), 400),
            (format!("system={ROLE}&codeA=MTH&codeB=nothing"), 404),
            ("system=urn:weir:none&codeA=a&codeB=b".to_owned(), 404),
            ("system=http://snomed.info/sct&codeA=1&codeB=2".to_owned(), 422),
            (format!("system={ROLE}&codeA=MTH&codeB=PRN&codeC=x"), 400),
        ] {
            api.get(&format!("CodeSystem/$subsumes?{query}")).await.refused(status);
        }
    });
}
