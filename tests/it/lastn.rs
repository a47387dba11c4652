//! `$lastn`: of each code the newest, ties included, by groups of equal codings.

use serde_json::{Value, json};
use tests::{Api, Person, observation, on_each};

async fn coded(api: &Api<'_>, patient: &str, codes: &[&str], date: &str) -> String {
    let mut one = observation(patient, "", date);
    let codings: Vec<Value> = codes.iter().map(|code| json!({"system": "http://loinc.org", "code": code})).collect();
    one["code"] = json!({"coding": codings});
    one["category"] = json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}]);
    api.create(&one).await
}

#[test]
fn the_newest_of_each_code_come_back() {
    on_each("lastn", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (patient, other) = (api.create(&Person::new().patient()).await, api.create(&Person::new().patient()).await);
        let a1 = coded(&api, &patient, &["1-1"], "2026-01-01").await;
        let a3 = coded(&api, &patient, &["1-1"], "2026-01-03").await;
        let a2 = coded(&api, &patient, &["1-1"], "2026-01-02").await;
        let b1 = coded(&api, &patient, &["2-2"], "2026-01-05").await;
        let b0 = coded(&api, &patient, &["2-2"], "2025").await;
        coded(&api, &other, &["1-1"], "2026-02-01").await;
        let url = format!("Observation/$lastn?patient={patient}&category=laboratory");
        let check = async |query: &str, expected: &[&String]| {
            let found = api.get(&format!("{url}{query}")).await.expect(200).ids();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
        };
        check("", &[&b1, &a3]).await;
        check("&max=1", &[&b1, &a3]).await;
        check("&max=2", &[&b1, &a3, &a2, &b0]).await;
        check("&max=9", &[&b1, &a3, &a2, &a1, &b0]).await;
        check("&max=9&code=1-1", &[&a3, &a2, &a1]).await;
        check("&max=1&date=lt2026-01-03", &[&a2, &b0]).await;
        check("&code=9-9", &[]).await;
        let mut tie = vec![&a3];
        let twin = coded(&api, &patient, &["1-1"], "2026-01-03").await;
        tie.push(&twin);
        tie.sort();
        check("&code=1-1", &tie).await;
        let parameter = |name: &str, value: &str| json!({"name": name, "valueString": value});
        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "max", "valuePositiveInt": 2}, parameter("patient", &patient), parameter("code", "2-2")]});
        assert_eq!(api.post("Observation/$lastn", &body).await.expect(200).ids(), [b1, b0]);
    });
}

#[test]
fn codes_that_share_a_coding_are_one_group() {
    on_each("lastn_groups", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        for (codes, date) in [(&["a"][..], "2026-01-04"), (&["b"], "2026-01-03"), (&["c"], "2026-01-02")] {
            coded(&api, &patient, codes, date).await;
        }
        let url = format!("Observation/$lastn?subject=Patient/{patient}&category=laboratory");
        assert_eq!(api.get(&url).await.expect(200).ids().len(), 3);
        // a is joined to c, so two groups are left.
        coded(&api, &patient, &["a", "c"], "2026-01-01").await;
        assert_eq!(api.get(&url).await.expect(200).ids().len(), 2);
        coded(&api, &patient, &["c", "b"], "2025-01-01").await;
        assert_eq!(api.get(&url).await.expect(200).ids().len(), 1);
    });
}

#[test]
fn what_is_missing_or_not_granted_is_refused() {
    on_each("lastn_refused", |app| async move {
        let api = app.system("system/*.rs").await;
        for query in [
            "",
            "?patient=x",
            "?category=laboratory",
            "?patient=x&code=1&max=0",
            "?patient=x&code=1&_sort=date",
            "?patient=x&code=1&cod=2",
        ] {
            api.get(&format!("Observation/$lastn{query}")).await.refused(400);
        }
        // A mistyped subject must not become everybody.
        let lenient = api.call("GET", "Observation/$lastn?subject.nme=x&code=1-1").header("prefer", "handling=lenient");
        lenient.send().await.refused(400);
        app.system("system/Patient.rs").await.get("Observation/$lastn?patient=x&code=1").await.refused(403);
        app.analyst().await.get("Observation/$lastn?patient=x&code=1").await.refused(403);
    });
}
