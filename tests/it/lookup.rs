//! `$lookup`: what a code means.

use serde_json::{Value, json};
use tests::{on_each, unique};

const ROLE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

fn named<'a>(parameters: &'a Value, name: &str) -> Vec<&'a Value> {
    parameters["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == name).collect()
}

/// Values of the property of a code.
fn property(parameters: &Value, code: &str) -> Vec<Value> {
    let is_it = |one: &&&Value| one["part"][0]["valueCode"] == code;
    let value = |one: &Value| {
        one["part"][1].as_object().unwrap().iter().find(|(name, _)| name.starts_with("value")).unwrap().1.clone()
    };
    named(parameters, "property").iter().filter(is_it).map(|one| value(one)).collect()
}

#[test]
fn a_code_is_told_with_its_place() {
    on_each("lookup", |app| async move {
        let api = app.system("system/*.rs").await;
        let told = api.get(&format!("CodeSystem/$lookup?system={ROLE}&code=MTH")).await.expect(200).json();
        assert!(named(&told, "name")[0]["valueString"].as_str().unwrap().ends_with("RoleCode"));
        assert_eq!(named(&told, "display")[0]["valueString"], "mother");
        assert_eq!(property(&told, "parent"), ["PRN"]);
        assert!(property(&told, "child").contains(&json!("NMTH")));
        assert_eq!(property(&told, "inactive"), [false]);
        let only =
            api.get(&format!("CodeSystem/$lookup?system={ROLE}&code=MTH&property=child")).await.expect(200).json();
        assert!(property(&only, "parent").is_empty() && !property(&only, "child").is_empty());
        let coding = json!({"resourceType": "Parameters", "parameter": [
            {"name": "coding", "valueCoding": {"system": ROLE, "code": "MTH"}}, {"name": "property", "valueCode": "parent"}]});
        assert_eq!(property(&api.post("CodeSystem/$lookup", &coding).await.expect(200).json(), "parent"), ["PRN"]);
        let unit = api.get("CodeSystem/$lookup?system=http://unitsofmeasure.org&code=mg").await.expect(200).json();
        assert_eq!(named(&unit, "display")[0]["valueString"], "mg");
        for (query, status) in [
            (format!("system={ROLE}&code=nothing"), 404),
            ("system=urn:weir:none&code=a".to_owned(), 404),
            // Known by its name alone, and not known at all.
            ("system=http://snomed.info/sct&code=22298006".to_owned(), 422),
            ("system=http://loinc.org&code=8867-4".to_owned(), 404),
            (format!("system={ROLE}&code=MTH&version=0"), 404),
            ("code=MTH".to_owned(), 400),
            (format!("system={ROLE}"), 400),
            (format!("system={ROLE}&code=MTH&date=2020-01-01"), 400),
        ] {
            api.get(&format!("CodeSystem/$lookup?{query}")).await.refused(status);
        }
    });
}

#[test]
fn a_stored_code_system_is_told_in_the_language_asked_for() {
    on_each("lookup_stored", |app| async move {
        let api = app.system("system/*.cruds").await;
        let url = format!("urn:weir:test:{}", unique("codes"));
        let system = |version: &str, display: &str| {
            json!({"resourceType": "CodeSystem", "url": url, "version": version, "name": "Words", "status": "active", "content": "complete",
                "concept": [{"code": "a", "display": display, "definition": "The first", "designation": [
                    {"language": "cy", "value": "Ci", "use": {"system": "http://snomed.info/sct", "code": "900000000000013009"}}],
                    "property": [{"code": "weight", "valueDecimal": serde_json::from_str::<Value>("1.50").unwrap()}, {"code": "kin", "valueCoding": {"system": "urn:x", "code": "y"}}]}]})
        };
        api.create(&system("1.9", "Old")).await;
        api.create(&system("1.10", "Dog")).await;
        let get =
            async |more: &str| api.get(&format!("CodeSystem/$lookup?system={url}&code=a{more}")).await.expect(200);
        let told = get("").await;
        assert!(told.text().contains("1.50"), "decimals are kept as written");
        let told = told.json();
        assert_eq!(named(&told, "version")[0]["valueString"], "1.10", "the newest");
        assert_eq!(named(&told, "display")[0]["valueString"], "Dog");
        assert_eq!(named(&told, "designation")[0]["part"][2]["valueString"], "Ci");
        assert_eq!(property(&told, "definition"), ["The first"]);
        assert_eq!(property(&told, "kin"), [json!({"system": "urn:x", "code": "y"})]);
        assert_eq!(named(&get("&displayLanguage=cy").await.json(), "display")[0]["valueString"], "Ci");
        assert_eq!(named(&get("&version=1.9").await.json(), "display")[0]["valueString"], "Old");
        assert!(named(&get("&property=weight").await.json(), "designation").is_empty());
        assert_eq!(named(&get("&property=lang.cy").await.json(), "designation").len(), 1);
        let id = api.find(&format!("CodeSystem?url={url}")).await.remove(0);
        api.get(&format!("CodeSystem/{id}/$lookup?code=a")).await.refused(404);
    });
}
