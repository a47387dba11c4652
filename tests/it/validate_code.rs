//! `$validate-code` against value sets and in code systems.

use serde_json::{Value, json};
use tests::{Answer, Api, on_each, unique};

const GENDER: &str = "http://hl7.org/fhir/administrative-gender";
const GENDERS: &str = "http://hl7.org/fhir/ValueSet/administrative-gender";

/// Parameters of an answer by name.
fn told(answer: Answer) -> Value {
    let parameters = answer.expect(200).json();
    assert_eq!(parameters["resourceType"], "Parameters");
    let value =
        |one: &Value| one.as_object().unwrap().iter().find(|(name, _)| name.starts_with("value")).unwrap().1.clone();
    let list = parameters["parameter"].as_array().unwrap();
    list.iter()
        .map(|one| (one["name"].as_str().unwrap().to_owned(), value(one)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

async fn posted(api: &Api<'_>, path: &str, parameters: Value) -> Answer {
    api.post(path, &json!({"resourceType": "Parameters", "parameter": parameters})).await
}

#[test]
fn a_code_is_in_the_value_set_or_not() {
    on_each("validate_code", |app| async move {
        let api = app.system("system/*.rs").await;
        let get = async |query: &str| api.get(&format!("ValueSet/$validate-code?url={GENDERS}&{query}")).await;
        let female = format!("system={GENDER}&code=female");
        assert_eq!(told(get(&female).await), json!({"result": true, "display": "Female"}));
        assert_eq!(told(get(&format!("{female}&display=female")).await)["result"], true);
        let wrong = told(get(&format!("{female}&display=Male")).await);
        assert_eq!((&wrong["result"], &wrong["display"]), (&json!(false), &json!("Female")));
        let absent = told(get(&format!("system={GENDER}&code=robot")).await);
        assert!(absent["result"] == false && absent["message"].is_string(), "{absent}");
        assert_eq!(told(get("system=urn:weir:other&code=female").await)["result"], false);
        // The message tells nothing of what was asked: it may end up in a log.
        assert!(!absent.to_string().contains("robot"));
        let coding = json!({"system": GENDER, "code": "male", "display": "Male"});
        let with = |name: &str, kind: &str, value: Value| json!([{"name": "url", "valueUri": GENDERS}, {"name": name, kind: value}]);
        assert_eq!(
            told(posted(&api, "ValueSet/$validate-code", with("coding", "valueCoding", coding.clone())).await)["result"],
            true
        );
        let concept = json!({"coding": [{"system": "urn:weir:other", "code": "x"}, coding]});
        let answer =
            posted(&api, "ValueSet/$validate-code", with("codeableConcept", "valueCodeableConcept", concept)).await;
        assert_eq!(told(answer), json!({"result": true, "display": "Male"}));
        for (query, status) in [
            ("", 400),
            ("code=female", 400),
            (&format!("{female}&inferSystem=true"), 400),
            (&format!("{female}&date=2020"), 400),
            (&format!("{female}&systemVersion=9"), 404),
            (&format!("{female}&abstract=maybe"), 400),
        ] {
            get(query).await.refused(status);
        }
        api.get(&format!("ValueSet/$validate-code?url=urn:weir:none&{female}")).await.refused(404);
        api.get(&format!("ValueSet/$validate-code?{female}")).await.refused(400);
    });
}

#[test]
fn a_doubt_is_no_answer() {
    on_each("validate_code_doubt", |app| async move {
        let api = app.system("system/*.rs").await;
        let refused = api.get("ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/condition-code&system=http://snomed.info/sct&code=22298006").await;
        let outcome = refused.expect(422).json();
        assert!(outcome["issue"][0]["diagnostics"].as_str().unwrap().contains("http://snomed.info/sct"), "{outcome}");
        api.get("CodeSystem/$validate-code?url=http://snomed.info/sct&code=22298006").await.refused(422);
        api.get("CodeSystem/$validate-code?url=urn:weir:none&code=a").await.refused(404);
    });
}

#[test]
fn a_code_is_in_the_code_system_or_not() {
    on_each("validate_code_system", |app| async move {
        let api = app.system("system/*.cruds").await;
        let get = async |query: &str| api.get(&format!("CodeSystem/$validate-code?{query}")).await;
        assert_eq!(told(get(&format!("url={GENDER}&code=female")).await), json!({"result": true, "display": "Female"}));
        assert_eq!(told(get(&format!("url={GENDER}&code=Female")).await)["result"], false);
        assert_eq!(told(get("url=http://unitsofmeasure.org&code=mg/dL").await)["result"], true);
        assert_eq!(told(get("url=http://unitsofmeasure.org&code=mg/").await)["result"], false);
        let url = format!("urn:weir:test:{}", unique("codes"));
        let system = json!({"resourceType": "CodeSystem", "url": url, "status": "active", "content": "complete",
            "caseSensitive": false, "concept": [{"code": "Group", "display": "Group", "property": [{"code": "abstract", "valueBoolean": true}]},
            {"code": "old", "property": [{"code": "status", "valueCode": "retired"}]}]});
        let id = api.create(&system).await;
        let at = format!("CodeSystem/{id}/$validate-code?code=");
        assert_eq!(told(api.get(&format!("{at}GROUP")).await)["result"], true, "case does not count here");
        assert_eq!(told(api.get(&format!("{at}group&abstract=true")).await)["result"], true);
        assert_eq!(told(api.get(&format!("{at}group&abstract=false")).await)["result"], false);
        let retired = told(api.get(&format!("{at}old&display=Anything")).await);
        assert!(retired["result"] == true && retired["message"].as_str().unwrap().contains("retired"), "{retired}");
        assert_eq!(told(get(&format!("url={url}&code=group")).await)["result"], true);
        let inline = json!([{"name": "codeSystem", "resource": system}, {"name": "code", "valueCode": "nothing"}]);
        assert_eq!(told(posted(&api, "CodeSystem/$validate-code", inline).await)["result"], false);
        let other = json!([{"name": "url", "valueUri": GENDER}, {"name": "coding", "valueCoding": {"system": url, "code": "group"}}]);
        assert_eq!(
            told(posted(&api, "CodeSystem/$validate-code", other).await)["result"],
            false,
            "another system's code"
        );
        get("code=female").await.refused(400);
        get(&format!("url={GENDER}&system={GENDER}&code=female")).await.refused(400);
        get(&format!("url={GENDER}")).await.refused(400);
    });
}
