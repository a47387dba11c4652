//! `$everything`: the patient, what is recorded of the person, and what that refers to, each once.

use serde_json::{Value, json};
use tests::{Api, Person, TestApp, label, observation, on_each};

struct Record {
    patient: String,
    /// What is recorded, as `Type/id`, in the order in which it was stored.
    records: Vec<String>,
    practitioner: String,
    organization: String,
}

async fn record(api: &Api<'_>) -> Record {
    let create = async |body: Value| format!("{}/{}", body["resourceType"].as_str().unwrap(), api.create(&body).await);
    let organization = create(json!({"resourceType": "Organization", "name": "Ward"})).await;
    let practitioner = create(json!({"resourceType": "Practitioner", "name": [{"family": "Doctor"}]})).await;
    let patient = api.create(&Person::new().patient()).await;
    let mut records = Vec::new();
    for year in 2021..=2025 {
        let mut one = observation(&patient, "1-1", &format!("{year}-03-01"));
        one["performer"] = json!([{"reference": practitioner}, {"reference": organization}]);
        records.push(create(one).await);
    }
    let undated = json!({"resourceType": "AllergyIntolerance", "patient": {"reference": format!("Patient/{patient}")},
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
        "code": {"text": "Nuts"}});
    records.push(create(undated).await);
    Record { patient, records, practitioner, organization }
}

/// All pages, after each of which something happens.
async fn walk(api: &Api<'_>, url: &str, between: impl AsyncFn(usize)) -> Vec<String> {
    let (mut found, mut next, mut page) = (Vec::new(), Some(url.to_owned()), 0);
    while let Some(url) = next {
        let answer = api.get(&url).await.expect(200);
        found.extend(answer.names());
        next = answer.link("next");
        between(page).await;
        page += 1;
        assert!(page < 50, "the pages do not end");
    }
    found
}

#[test]
fn the_patient_comes_first_then_the_records_then_what_they_refer_to() {
    on_each("everything", |app| async move {
        let api = app.system("system/*.cruds").await;
        let record = record(&api).await;
        let url = format!("Patient/{}/$everything", record.patient);
        let patient = format!("Patient/{}", record.patient);
        let expected: Vec<String> = [patient.clone()]
            .into_iter()
            .chain(record.records.clone())
            .chain([record.organization.clone(), record.practitioner.clone()])
            .collect();
        for count in [1, 2, 3, 7, 100] {
            let found = walk(&api, &format!("{url}?_count={count}"), async |_| ()).await;
            assert_eq!(found, expected, "_count={count}");
        }
        let bundle = api.get(&url).await.expect(200).json();
        assert_eq!(
            (bundle["type"].as_str(), bundle["entry"][0]["search"]["mode"].as_str()),
            (Some("searchset"), Some("match"))
        );
        assert_eq!(bundle["entry"][8]["search"]["mode"], "include");
        let body = json!({"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 2}]});
        let posted = api.post(&url, &body).await.expect(200);
        assert_eq!(posted.names(), expected[..2]);
        assert_eq!(walk(&api, &posted.link("next").unwrap(), async |_| ()).await, expected[2..]);
    });
}

#[test]
fn parameters_narrow_it() {
    on_each("everything_narrow", |app| async move {
        let api = app.system("system/*.cruds").await;
        let record = record(&api).await;
        let url = format!("Patient/{}/$everything", record.patient);
        let allergy = record.records[5].clone();
        let check = async |query: &str, expected: &[&String]| {
            let found = api.get(&format!("{url}?{query}")).await.expect(200).names();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
        };
        let patient = format!("Patient/{}", record.patient);
        let (o, p) = (&record.organization, &record.practitioner);
        check("_type=Patient,AllergyIntolerance", &[&patient, &allergy]).await;
        check("_type=Patient&_type=AllergyIntolerance", &[&patient, &allergy]).await;
        check("_type=AllergyIntolerance,Practitioner", &[&allergy]).await;
        // What has no date of care belongs to every range.
        check("start=2024-01-01", &[&patient, &record.records[3], &record.records[4], &allergy, o, p]).await;
        check("start=2022-03-01&end=2022", &[&patient, &record.records[1], &allergy, o, p]).await;
        check("end=2020-12-31", &[&patient, &allergy]).await;
        let since = api.get(&record.records[5]).await.json()["meta"]["lastUpdated"].as_str().unwrap().to_owned();
        check(&format!("_since={}", since.replace('+', "%2B")), &[&allergy]).await;
        for bad in
            ["start=yesterday", "_type=NoType", "_count=0", "_since=x", "code=1-1", "_count=1&_count=2", "_page=x"]
        {
            api.get(&format!("{url}?{bad}")).await.refused(400);
        }
    });
}

#[test]
fn pages_are_of_one_state_whatever_is_written_meanwhile() {
    on_each("everything_stable", |app| async move {
        let api = app.system("system/*.cruds").await;
        let record = record(&api).await;
        let url = format!("Patient/{}/$everything?_count=2", record.patient);
        let before = walk(&api, &url, async |_| ()).await;
        let found = walk(&api, &url, async |page| {
            if page == 0 {
                api.create(&observation(&record.patient, "2-2", "2026-01-01")).await;
                api.delete(&record.records[3]).await.expect(204);
                let other = api.create(&Person::new().patient()).await;
                let mut moved = observation(&other, "1-1", "2026-01-01");
                moved["id"] = json!(record.records[4].split('/').nth(1).unwrap());
                api.put(&record.records[4], &moved).await.expect(200);
                api.delete(&record.practitioner).await.expect(204);
            }
        })
        .await;
        assert_eq!(found, before);
    });
}

#[test]
fn a_page_link_is_for_its_token_and_its_patient() {
    on_each("everything_link", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (record, other) = (record(&api).await, record(&api).await);
        let next = api.get(&format!("Patient/{}/$everything?_count=2", record.patient)).await.link("next").unwrap();
        api.get(&next).await.expect(200);
        app.system("system/*.rs").await.get(&next).await.refused(400);
        api.get(&next.replace(&record.patient, &other.patient)).await.refused(400);
        api.get(&next.replace("_count=2", "_count=3")).await.refused(400);
    });
}

#[test]
fn it_is_of_the_whole_person_and_of_nobody_else() {
    on_each("everything_person", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (record, twin, other) = (record(&api).await, record(&api).await, record(&api).await);
        let store = &app.house.store;
        let [survivor, loser] = [&record, &twin].map(|one| store.person_of_patient(&one.patient));
        let (survivor, loser) = (survivor.await.unwrap().unwrap(), loser.await.unwrap().unwrap());
        store.merge_persons(survivor, loser, "test").await.unwrap();
        // Somebody else is mentioned: that does not open her record.
        let mention = json!({"resourceType": "Observation", "status": "final", "code": {"text": "Kinship"},
            "subject": {"reference": format!("Patient/{}", record.patient)},
            "focus": [{"reference": format!("Patient/{}", other.patient)}, {"reference": &other.records[0]}]});
        let mention = format!("Observation/{}", api.create(&mention).await);
        let found = api.get(&format!("Patient/{}/$everything", record.patient)).await.expect(200).names();
        assert_eq!(found[..2], [format!("Patient/{}", record.patient), format!("Patient/{}", twin.patient)]);
        assert!(record.records.iter().chain(&twin.records).chain([&mention]).all(|one| found.contains(one)));
        assert!(!other.records.iter().any(|one| found.contains(one)));
        assert!(!found.contains(&format!("Patient/{}", other.patient)));
    });
}

async fn names(api: &Api<'_>, patient: &str) -> Vec<String> {
    api.get(&format!("Patient/{patient}/$everything")).await.expect(200).names()
}

#[test]
fn every_resource_passes_the_grant() {
    on_each("everything_grant", |app| async move {
        let all = app.system("system/*.cruds").await;
        let (record, other) = (record(&all).await, record(&all).await);
        let mut hidden = observation(&record.patient, "1-1", "2026-01-01");
        hidden["meta"] = json!({"security": [label("V")]});
        let hidden = format!("Observation/{}", all.create(&hidden).await);
        assert!(!names(&all, &record.patient).await.contains(&hidden));

        let narrow = app.system("system/Patient.rs system/AllergyIntolerance.rs").await;
        let patient = format!("Patient/{}", record.patient);
        assert_eq!(names(&narrow, &record.patient).await, [patient.clone(), record.records[5].clone()]);
        app.system("system/Patient.r").await.get(&format!("{patient}/$everything")).await.refused(403);
        app.system("system/Observation.rs").await.get(&format!("{patient}/$everything")).await.refused(403);
        app.analyst().await.get(&format!("{patient}/$everything")).await.refused(403);

        let own = app.launched("launch/patient patient/*.rs", &record.patient).await;
        assert_eq!(names(&own, &record.patient).await.len(), 9);
        assert_eq!(own.get("Patient/$everything").await.expect(200).names(), names(&own, &record.patient).await);
        own.get(&format!("Patient/{}/$everything", other.patient)).await.refused(404);
        all.get("Patient/$everything").await.refused(400);
        all.get("Patient/never-there/$everything").await.refused(404);
    });
}

async fn everything_of_a_sensitive_person(app: &TestApp) {
    let api = app.system("system/*.cruds").await;
    let practice =
        format!("Organization/{}", api.create(&json!({"resourceType": "Organization", "name": "Practice"})).await);
    let place = format!("Location/{}", api.create(&json!({"resourceType": "Location", "name": "Refuge"})).await);
    let mut patient = Person::new().patient();
    patient["meta"] = json!({"security": [label("R")]});
    patient["generalPractitioner"] = json!([{"reference": practice}]);
    let patient = api.create(&patient).await;
    let encounter = json!({"resourceType": "Encounter", "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": format!("Patient/{patient}")}, "location": [{"location": {"reference": place}}]});
    let encounter = format!("Encounter/{}", api.create(&encounter).await);
    assert_eq!(names(&api, &patient).await, [format!("Patient/{patient}"), encounter]);
}

#[test]
fn what_is_taken_out_of_a_record_leads_nowhere() {
    on_each("everything_redacted", |app| async move { everything_of_a_sensitive_person(&app).await });
}
