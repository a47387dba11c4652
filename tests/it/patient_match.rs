//! `$match`: who somebody described may be, by fixed rules, among those whom the caller may see.

use serde_json::{Value, json};
use tests::{Answer, Api, Person, consent, label, on_each};

fn grades(answer: &Answer) -> Vec<(String, f64, String)> {
    let bundle = answer.json();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let matches = entries.iter().filter(|entry| entry["search"]["mode"] == "match");
    matches
        .map(|entry| {
            let grade = &entry["search"]["extension"][0];
            assert_eq!(grade["url"], "http://hl7.org/fhir/StructureDefinition/match-grade");
            let id = entry["resource"]["id"].as_str().unwrap().to_owned();
            (id, entry["search"]["score"].as_f64().unwrap(), grade["valueCode"].as_str().unwrap().to_owned())
        })
        .collect()
}

async fn matched(api: &Api<'_>, patient: &Value, more: &[Value]) -> Answer {
    let mut parameters = vec![json!({"name": "resource", "resource": patient})];
    parameters.extend_from_slice(more);
    let body = json!({"resourceType": "Parameters", "parameter": parameters});
    api.post("Patient/$match", &body).await.expect(200)
}

async fn codes(api: &Api<'_>, patient: &Value) -> Vec<(String, String)> {
    grades(&matched(api, patient, &[]).await).into_iter().map(|(id, _, code)| (id, code)).collect()
}

fn without(patient: &Value, names: &[&str]) -> Value {
    let mut patient = patient.clone();
    names.iter().for_each(|name| drop(patient.as_object_mut().unwrap().remove(*name)));
    patient
}

#[test]
fn grades_follow_from_what_agrees() {
    on_each("match", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut patient = Person::new().patient();
        patient["address"] = json!([{"postalCode": "ZZ99 3WZ"}]);
        let id = api.create(&patient).await;
        let check = async |asked: &Value, expected: Option<&str>| {
            let expected: Vec<_> = expected.into_iter().map(|code| (id.clone(), code.to_owned())).collect();
            assert_eq!(codes(&api, asked).await, expected, "{asked}");
        };
        let with = |name: &str, value: Value| {
            let mut changed = patient.clone();
            changed[name] = value;
            changed
        };
        check(&patient, Some("certain")).await;
        check(&without(&patient, &["name", "gender", "address"]), Some("certain")).await;
        check(&with("name", json!([{"family": "Other", "given": ["Other"]}])), Some("certain")).await;
        check(&with("birthDate", json!("1980-04-06")), None).await;
        let other_number = Person::new().patient()["identifier"].clone();
        check(&with("identifier", other_number), None).await;
        let nameless = without(&patient, &["identifier"]);
        check(&nameless, Some("probable")).await;
        check(&without(&nameless, &["address"]), Some("possible")).await;
        let mut lower = nameless.clone();
        lower["name"][0]["family"] = json!(patient["name"][0]["family"].as_str().unwrap().to_uppercase());
        lower["address"][0]["postalCode"] = json!("zz993wz");
        check(&lower, Some("probable")).await;
        let mut other = nameless.clone();
        other["name"][0]["given"] = json!(["Robert"]);
        check(&other, None).await;
        other = nameless.clone();
        other["gender"] = json!("male");
        check(&other, None).await;
        // A family name that would be two values, or no value, of a search.
        other["name"][0]["family"] = json!("A,B|C$D\\");
        check(&other, None).await;
    });
}

#[test]
fn certain_matches_only_and_count() {
    on_each("match_certain", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = Person::new().patient();
        let first = api.create(&patient).await;
        let second = api.create(&without(&patient, &["identifier"])).await;
        let certain = json!({"name": "onlyCertainMatches", "valueBoolean": true});
        let all = grades(&matched(&api, &patient, &[]).await);
        assert_eq!(all, [(first.clone(), 1.0, "certain".to_owned()), (second, 0.5, "possible".to_owned())]);
        let count = json!({"name": "count", "valueInteger": 1});
        assert_eq!(grades(&matched(&api, &patient, &[count]).await).len(), 1);
        assert_eq!(grades(&matched(&api, &patient, std::slice::from_ref(&certain)).await).len(), 1);
        // Two records of one number that nobody has linked: neither is certain.
        let third = api.create(&patient).await;
        let answer = matched(&api, &patient, std::slice::from_ref(&certain)).await;
        assert!(grades(&answer).is_empty() && answer.text().contains("multiple-matches"), "{}", answer.text());
        let store = &app.house.store;
        let one = store.person_of_patient(&first).await.unwrap().unwrap();
        let other = store.person_of_patient(&third).await.unwrap().unwrap();
        store.merge_persons(one, other, "test").await.unwrap();
        assert_eq!(grades(&matched(&api, &patient, &[certain]).await).len(), 2);
    });
}

#[test]
fn nothing_is_told_of_persons_whom_the_caller_may_not_see() {
    on_each("match_hidden", |app| async move {
        let all = app.system("system/*.cruds").await;
        let (denied, sensitive) = (Person::new().patient(), Person::new().patient());
        let id = all.create(&denied).await;
        let nobody = matched(&all, &Person::new().patient(), &[]).await.json();
        all.create(&consent(&id, "TREAT")).await;
        assert_eq!(matched(&all, &denied, &[]).await.json(), nobody);
        let other = all.create(&Person::new().patient()).await;
        let launched = app.launched("launch/patient patient/*.rs", &other).await;
        let mut labelled = sensitive.clone();
        labelled["meta"] = json!({"security": [label("R")]});
        labelled["address"] = json!([{"postalCode": "ZZ99 3WZ"}]);
        let id = all.create(&labelled).await;
        assert_eq!(matched(&launched, &sensitive, &[]).await.json(), nobody);
        // An address that is taken out confirms nothing.
        let asked = without(&labelled, &["identifier", "meta"]);
        assert_eq!(codes(&all, &asked).await, [(id, "possible".to_owned())]);
    });
}

#[test]
fn too_little_and_too_few_rights_are_refused() {
    on_each("match_refused", |app| async move {
        let api = app.system("system/*.rs").await;
        let patient = Person::new().patient();
        for names in [&["birthDate"][..], &["name", "identifier"]] {
            api.post("Patient/$match", &without(&patient, names)).await.refused(400);
        }
        api.post("Patient/$match", &json!({"resourceType": "Parameters"})).await.refused(400);
        api.post("Patient/$match?count=x", &patient).await.refused(400);
        api.post("Patient/$match?onlyCertainMatches=maybe", &patient).await.refused(400);
        api.get("Patient/$match").await.refused(405);
        app.system("system/Patient.r").await.post("Patient/$match", &patient).await.refused(403);
        app.analyst().await.post("Patient/$match", &patient).await.refused(403);
    });
}
