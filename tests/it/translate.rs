//! `$translate`: by maps of the standard, of UK Core and of the store.

use serde_json::{Value, json};
use tests::{on_each, unique};

/// Equivalence and code of each match.
fn matches(told: &Value) -> Vec<(String, String)> {
    let list = told["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "match");
    let part = |one: &Value, name: &str| {
        one["part"].as_array().unwrap().iter().find(|part| part["name"] == name).cloned().unwrap_or_default()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.map(|one| (text(&part(one, "equivalence")["valueCode"]), text(&part(one, "concept")["valueCoding"]["code"])))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn maps_of_the_standard_translate() {
    on_each("translate", |app| async move {
        let api = app.system("system/*.rs").await;
        let gender = "http://hl7.org/fhir/administrative-gender";
        let v3 = "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender";
        let url = "http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v3";
        let get = async |query: &str| api.get(&format!("ConceptMap/$translate?{query}")).await;
        let told = get(&format!("url={url}&system={gender}&code=male")).await.expect(200).json();
        assert_eq!(told["parameter"][0], json!({"name": "result", "valueBoolean": true}));
        let found = &told["parameter"][1]["part"];
        assert_eq!(found[1]["valueCoding"]["system"], v3);
        assert_eq!(found[2], json!({"name": "source", "valueUri": url}));
        let code = found[1]["valueCoding"]["code"].as_str().unwrap();
        let back = get(&format!("url={url}&system={v3}&code={code}&reverse=true")).await.expect(200).json();
        assert_eq!(matches(&back)[0].1, "male");
        let any = get(&format!("system={gender}&code=male&targetsystem={v3}")).await.expect(200).json();
        assert!(matches(&any).iter().any(|(_, found)| found == code));
        let none = get(&format!("url={url}&system={gender}&code=robot")).await.expect(200).json();
        assert_eq!(none["parameter"][0]["valueBoolean"], false);
        assert!(none["parameter"][1]["valueString"].is_string());
        for (query, status) in [
            (format!("url={url}&system={gender}"), 400),
            (format!("url={url}&code=male"), 400),
            (format!("system={gender}&code=male"), 400),
            (format!("url=urn:weir:none&system={gender}&code=male"), 404),
            (format!("url={url}&conceptMapVersion=0&system={gender}&code=male"), 404),
            (format!("url={url}&system={gender}&code=male&reverse=perhaps"), 400),
            (format!("url={url}&system={gender}&code=male&targetScope=x"), 400),
        ] {
            get(&query).await.refused(status);
        }
    });
}

#[test]
fn stored_maps_translate_with_dependencies_and_what_is_not_mapped() {
    on_each("translate_stored", |app| async move {
        let api = app.system("system/*.cruds").await;
        let base = format!("http://weir.example/{}", unique("codes"));
        let (from, to) = (format!("{base}/from"), format!("{base}/to"));
        let target = |code: &str, equivalence: &str| json!({"code": code, "equivalence": equivalence, "display": code.to_uppercase()});
        let mut needy = target("y", "wider");
        needy["dependsOn"] = json!([{"property": "http://x/side", "system": "urn:side", "value": "left"}]);
        needy["product"] = json!([{"property": "http://x/hand", "value": "L"}]);
        let map = |name: &str, unmapped: Value| {
            json!({"resourceType": "ConceptMap", "url": format!("{base}/{name}"), "status": "active",
                "sourceUri": format!("{base}/source"), "targetUri": format!("{base}/target"),
                "group": [{"source": from, "target": to, "element": [
                    {"code": "a", "target": [target("x", "equivalent"), needy.clone()]},
                    {"code": "gone", "target": [{"equivalence": "unmatched", "comment": "nothing fits"}]}], "unmapped": unmapped}]})
        };
        let id = api.create(&map("provided", json!({"mode": "provided"}))).await;
        api.create(&map("fixed", json!({"mode": "fixed", "code": "other", "display": "Other"}))).await;
        api.create(&map("next", json!({"mode": "other-map", "url": format!("{base}/fixed")}))).await;
        api.create(&map("circle", json!({"mode": "other-map", "url": format!("{base}/circle")}))).await;
        let get = async |query: &str| api.get(&format!("ConceptMap/$translate?system={from}&{query}")).await;
        let by = |name: &str, code: &str| format!("url={base}/{name}&code={code}");
        let told = get(&by("provided", "a")).await.expect(200).json();
        assert_eq!(matches(&told), pairs(&[("equivalent", "x")]));
        assert!(told["parameter"][1]["valueString"].as_str().unwrap().contains("http://x/side"), "{told}");
        let dependency = |code: &str| {
            json!({"resourceType": "Parameters", "parameter": [{"name": "code", "valueCode": "a"}, {"name": "system", "valueUri": from},
                {"name": "dependency", "part": [{"name": "element", "valueUri": "http://x/side"},
                    {"name": "concept", "valueCodeableConcept": {"coding": [{"system": "urn:side", "code": code}]}}]}]})
        };
        let at = format!("ConceptMap/{id}/$translate");
        let left = api.post(&at, &dependency("left")).await.expect(200).json();
        assert_eq!(matches(&left), pairs(&[("equivalent", "x"), ("wider", "y")]));
        assert!(left.to_string().contains("http://x/hand"), "{left}");
        assert_eq!(matches(&api.post(&at, &dependency("right")).await.expect(200).json()).len(), 1);
        let gone = get(&by("provided", "gone")).await.expect(200).json();
        assert_eq!(
            (&gone["parameter"][0]["valueBoolean"], matches(&gone)),
            (&json!(false), pairs(&[("unmatched", "")]))
        );
        assert_eq!(matches(&get(&by("provided", "q")).await.expect(200).json()), pairs(&[("equal", "q")]));
        assert_eq!(matches(&get(&by("fixed", "q")).await.expect(200).json()), pairs(&[("inexact", "other")]));
        assert_eq!(matches(&get(&by("next", "q")).await.expect(200).json()), pairs(&[("inexact", "other")]));
        get(&by("circle", "q")).await.refused(422);
        let reverse = format!("ConceptMap/{id}/$translate?system={to}&reverse=true&code=");
        let told = api.get(&format!("{reverse}x")).await.expect(200).json();
        assert_eq!(matches(&told), pairs(&[("equivalent", "a")]));
        let needy = api.get(&format!("{reverse}y")).await.expect(200).json();
        assert!(matches(&needy).is_empty(), "it depends on another element: {needy}");
        // Without a map by name, those that fit the value sets are asked.
        let fitting = get(&format!("code=gone&source={base}/source&target={base}/target")).await.expect(200).json();
        assert_eq!(matches(&fitting).len(), 4);
        let other = get(&format!("code=a&source={base}/source&target={base}/elsewhere")).await.expect(200).json();
        assert_eq!(other["parameter"][0]["valueBoolean"], false);
    });
}
