//! A token of one patient: every route shows that patient's record and nothing of anybody else.

use serde_json::{Value, json};
use tests::{Api, Person, TestApp, observation, on_each, unique};

struct Record {
    patient: String,
    family: String,
    observation: String,
}

struct Two<'a> {
    all: Api<'a>,
    own: Record,
    other: Record,
    code: String,
}

async fn two(app: &TestApp) -> Two<'_> {
    let all = app.system("system/*.cruds").await;
    let code = unique("code");
    let record = async || {
        let person = Person::new();
        let patient = all.create(&person.patient()).await;
        let observation = all.create(&observation(&patient, &code, "2026-01-01")).await;
        Record { patient, family: person.family, observation }
    };
    let (own, other) = (record().await, record().await);
    Two { own, other, code, all: all.clone() }
}

#[test]
fn reads_and_histories_are_of_the_own_record() {
    on_each("patient_read", |app| async move {
        let two = two(&app).await;
        let api = app.launched("launch/patient patient/*.rs", &two.own.patient).await;
        for path in ["", "/_history/1", "/_history"] {
            api.get(&format!("Patient/{}{path}", two.own.patient)).await.expect(200);
            api.get(&format!("Observation/{}{path}", two.own.observation)).await.expect(200);
            // A 403 would tell that it is there.
            api.get(&format!("Patient/{}{path}", two.other.patient)).await.refused(404);
            api.get(&format!("Observation/{}{path}", two.other.observation)).await.refused(404);
        }
        // What is about nobody is for everybody, unless it holds somebody's record.
        let medication = |contained: Value| {
            let about = json!({"reference": format!("#{}", contained[0]["id"].as_str().unwrap())});
            json!({"resourceType": "Medication", "code": {"text": "X"}, "contained": contained,
                "extension": [{"url": "http://example.org/about", "valueReference": about}]})
        };
        let with = two.all.create(&medication(json!([{"resourceType": "Patient", "id": "p", "gender": "male"}]))).await;
        let without =
            two.all.create(&medication(json!([{"resourceType": "Organization", "id": "o", "name": "Maker"}]))).await;
        api.get(&format!("Medication/{with}")).await.refused(404);
        api.get(&format!("Medication/{without}")).await.expect(200);
    });
}

#[test]
fn searches_find_in_the_own_record_only() {
    on_each("patient_search", |app| async move {
        let two = two(&app).await;
        let api = app.launched("launch/patient patient/*.rs", &two.own.patient).await;
        let (own, other) = (two.own.observation.as_str(), two.other.observation.as_str());
        assert_eq!(api.find(&format!("Observation?code={}", two.code)).await, [own]);
        assert_eq!(api.find(&format!("Observation?_id={own},{other}")).await, [own]);
        assert!(api.find(&format!("Observation?patient={}", two.other.patient)).await.is_empty());
        assert!(api.find(&format!("Observation?_id={other}")).await.is_empty());
        assert!(api.find(&format!("Patient?family={}", two.other.family)).await.is_empty());
        assert_eq!(api.find("Patient").await, [two.own.patient.as_str()]);
        let form = [("code", two.code.as_str())];
        assert_eq!(api.call("POST", "Observation/_search").form(&form).send().await.expect(200).ids(), [own]);
        let count = api.get(&format!("Observation?code={}&_summary=count", two.code)).await.expect(200).json();
        assert_eq!(count["total"], 1, "a total counts what may be seen");
        // What could come along or be asked around a corner.
        assert_eq!(api.find(&format!("Observation?patient.family={}", two.own.family)).await, [own]);
        assert!(api.find(&format!("Observation?patient.family={}", two.other.family)).await.is_empty());
        let has = format!("Patient?_has:Observation:patient:code={}", two.code);
        assert_eq!(api.find(&has).await, [two.own.patient.as_str()]);
        for search in [
            format!("Observation?code={}&_include=Observation:subject", two.code),
            format!("Observation?code={}&_include:iterate=*&_revinclude:iterate=Observation:*", two.code),
            "Patient?_revinclude=Observation:subject".to_owned(),
            format!("Patient/{}/Observation?code={}", two.other.patient, two.code),
            format!("Patient/{}/*?_revinclude=Observation:*", two.other.patient),
            "?_type=Patient,Observation".to_owned(),
        ] {
            let answer = api.get(&search).await.expect(200);
            let ids = answer.ids();
            let is_of_other = |id: &String| *id == other || *id == two.other.patient;
            assert!(!ids.iter().any(is_of_other), "{search}: {ids:?}");
        }
    });
}

#[test]
fn wide_histories_hold_the_own_record_only() {
    on_each("patient_history", |app| async move {
        let two = two(&app).await;
        let api = app.launched("launch/patient patient/*.rs", &two.own.patient).await;
        for path in ["_history", "Patient/_history", "Observation/_history"] {
            let mut next = Some(format!("{path}?_count=1"));
            let (mut text, mut pages) = (String::new(), 0);
            while let Some(url) = next {
                let page = api.get(&url).await.expect(200);
                text.push_str(&page.text());
                next = page.link("next");
                pages += 1;
            }
            assert!(text.contains(&two.own.patient) || text.contains(&two.own.observation), "{path}");
            assert!(!text.contains(&two.other.patient) && !text.contains(&two.other.observation), "{path}");
            assert!(pages < 10, "{path}: the pages of others' records are empty, not left out");
        }
    });
}

#[test]
fn pages_hold_the_own_record_only() {
    on_each("patient_pages", |app| async move {
        let two = two(&app).await;
        let second = two.all.create(&observation(&two.own.patient, &two.code, "2026-01-02")).await;
        let api = app.launched("launch/patient patient/*.rs", &two.own.patient).await;
        let search = format!("Observation?code={}&_count=1&_sort=date", two.code);
        let first = api.get(&search).await.expect(200);
        assert_eq!(first.ids(), [two.own.observation.as_str()]);
        let next = first.link("next").unwrap();
        let last = api.get(&next).await.expect(200);
        assert_eq!((last.ids(), last.link("next")), (vec![second], None));
        // The link of a token that sees all is of no use to this one.
        let wide = two.all.get(&search).await.expect(200).link("next").unwrap();
        api.get(&wide).await.refused(400);
    });
}

#[test]
fn a_batch_reaches_the_own_record_only() {
    on_each("patient_batch", |app| async move {
        let two = two(&app).await;
        let api = app.launched("launch/patient patient/*.rs", &two.own.patient).await;
        let urls = [
            format!("Patient/{}", two.other.patient),
            format!("Patient/{}/_history", two.other.patient),
            format!("Observation/{}/_history/1", two.other.observation),
            format!("Observation?code={}", two.code),
            "Patient".to_owned(),
            "Patient/_history".to_owned(),
        ];
        let entries: Vec<Value> = urls.iter().map(|url| json!({"request": {"method": "GET", "url": url}})).collect();
        for kind in ["batch", "transaction"] {
            let answer =
                api.post("", &json!({"resourceType": "Bundle", "type": kind, "entry": entries})).await.expect(200);
            let bundle = answer.json();
            for (entry, status) in
                bundle["entry"].as_array().unwrap().iter().zip(["404", "404", "404", "200", "200", "200"])
            {
                assert!(entry["response"]["status"].as_str().unwrap().starts_with(status), "{kind}: {entry}");
            }
            let given: Vec<Value> =
                bundle["entry"].as_array().unwrap()[3..].iter().map(|e| e["resource"].clone()).collect();
            let text = Value::from(given).to_string();
            assert!(text.contains(&two.own.patient), "{kind}");
            assert!(!text.contains(&two.other.patient) && !text.contains(&two.other.observation), "{kind}");
        }
    });
}

#[test]
fn writes_stay_within_the_own_record() {
    on_each("patient_write", |app| async move {
        let two = two(&app).await;
        let api = app.launched("launch/patient patient/*.cruds", &two.own.patient).await;
        let own = observation(&two.own.patient, "2345-7", "2026-03-01");
        let others = observation(&two.other.patient, "2345-7", "2026-03-01");
        api.create(&own).await;
        api.post("Observation", &others).await.refused(403);
        // Nobody's, somebody else's under the own name, the own under somebody else's, and a new person.
        let mut nobodys = own.clone();
        nobodys.as_object_mut().unwrap().remove("subject");
        api.post("Observation", &nobodys).await.refused(403);
        let put = |id: &str, resource: &Value| {
            let mut resource = resource.clone();
            resource["id"] = json!(id);
            let path = format!("Observation/{id}");
            let api = api.clone();
            async move { api.put(&path, &resource).await }
        };
        put(&two.other.observation, &own).await.refused(403);
        put(&two.own.observation, &others).await.refused(403);
        put(&two.own.observation, &own).await.expect(200);
        // Somebody else's is answered as what is not there, whatever version is named, and stays.
        let other = format!("Observation/{}", two.other.observation);
        for path in [other.as_str(), "Observation/never-there"] {
            api.delete(path).await.expect(204);
            for version in ["W/\"1\"", "W/\"9\""] {
                api.call("DELETE", path).header("if-match", version).send().await.refused(412);
                let mut body = own.clone();
                body["id"] = json!(path.trim_start_matches("Observation/"));
                api.call("PUT", path).fhir(&body).header("if-match", version).send().await.refused(412);
            }
        }
        two.all.get(&other).await.expect(200);
        api.post("Patient", &Person::new().patient()).await.refused(403);
        let entry = json!({"request": {"method": "POST", "url": "Observation"}, "resource": others});
        let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]});
        let answer = api.post("", &batch).await.expect(200).json();
        assert!(answer["entry"][0]["response"]["status"].as_str().unwrap().starts_with("403"), "{answer}");
        let mut transaction = batch.clone();
        transaction["type"] = json!("transaction");
        api.post("", &transaction).await.refused(403);

        let unchanged = two.all.get(&format!("Observation/{}", two.other.observation)).await.expect(200);
        assert_eq!(unchanged.header("etag"), Some("W/\"1\""));
    });
}

#[test]
fn what_is_about_two_people_is_in_no_one_persons_record() {
    on_each("patient_both", |app| async move {
        let two = two(&app).await;
        let mut both = observation(&two.own.patient, &two.code, "2026-04-01");
        both["performer"] = json!([{"reference": format!("Patient/{}", two.other.patient)}]);
        let id = two.all.create(&both).await;
        let api = app.launched("launch/patient patient/*.rs", &two.own.patient).await;
        api.get(&format!("Observation/{id}")).await.refused(404);
        assert!(!api.find(&format!("Observation?code={}", two.code)).await.contains(&id));
    });
}

#[test]
fn reference_data_is_for_every_patient() {
    on_each("patient_reference_data", |app| async move {
        let two = two(&app).await;
        let organisation = two.all.create(&json!({"resourceType": "Organization", "name": unique("Surgery")})).await;
        let api = app.launched("launch/patient patient/*.rs", &two.own.patient).await;
        api.get(&format!("Organization/{organisation}")).await.expect(200);
        let narrow = app.launched("launch/patient patient/Observation.rs", &two.own.patient).await;
        narrow.get(&format!("Organization/{organisation}")).await.refused(403);
        narrow.get(&format!("Patient/{}", two.own.patient)).await.refused(403);
        narrow.get(&format!("Observation/{}", two.own.observation)).await.expect(200);
    });
}

#[test]
fn a_condition_of_a_create_finds_what_may_be_searched_alone() {
    on_each("patient_if_none_exist", |app| async move {
        let two = two(&app).await;
        // May create and read for everybody, and search for the patient in context.
        let scope = "launch/patient patient/Observation.s user/Observation.cr";
        let api = app.launched(scope, &two.own.patient).await;
        let create = |of: &str| {
            let value = observation(of, &two.code, "2026-04-01");
            let condition = format!("code={}&date=2026-01-01", two.code);
            api.call("POST", "Observation").fhir(&value).header("if-none-exist", &condition).send()
        };
        let found = create(&two.other.patient).await.expect(200);
        assert!(
            found.header("location").unwrap().contains(&two.own.observation),
            "that of the own patient alone matches"
        );
    });
}
