//! What a grant does not reach is not read, found, counted or listed.

use policy::{Grant, Interaction, Principal, Purpose, Scopes, Subject, decide};
use serde_json::json;
use store::{HistoryPage, HistoryTarget, Page, StoreError, WriteBatch};

use crate::support::{TestStore, ids, observation, on_each, patient, put, query, system};

fn grant(scopes: &str, patient: Option<&str>, interaction: Interaction, type_name: &str) -> Grant {
    let mut principal = Principal::new("app", Purpose::DirectCare, Scopes::parse(scopes).unwrap());
    principal.patient = patient.map(str::to_owned);
    principal.user = Some("clinician".to_owned());
    decide(&Subject::Principal(principal), interaction, Some(type_name)).unwrap()
}

async fn filled(test: &TestStore) {
    let about_both = json!({
        "resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/mine"}, "performer": [{"reference": "Patient/other"}],
    });
    test.write(vec![
        put("mine", &patient("Marlow", "1970-01-01")),
        put("other", &patient("Kurtz", "1980-01-01")),
        put("o-mine", &observation("mine", "1")),
        put("o-other", &observation("other", "1")),
        put("o-both", &about_both),
        put("o-unknown", &observation("not-stored", "1")),
        put("org", &json!({"resourceType": "Organization", "name": "Trust"})),
    ])
    .await
    .unwrap();
}

async fn search(test: &TestStore, grant: &Grant, type_name: &str) -> (Vec<String>, Option<u64>) {
    let result = test.page(grant, &query(type_name, &[]), Page { count: 50, ..Page::default() }).await;
    (ids(&result), result.total)
}

#[test]
fn patient_scope_reaches_one_person_only() {
    on_each("person_scope", |test| async move {
        filled(&test).await;
        let scopes = "patient/*.read";
        let reading = grant(scopes, Some("mine"), Interaction::Read, "Observation");
        assert!(test.store.read(&reading, "Observation", "o-mine").await.unwrap().is_some());
        for id in ["o-other", "o-both", "o-unknown"] {
            assert!(test.store.read(&reading, "Observation", id).await.unwrap().is_none(), "{id}");
            assert!(test.store.vread(&reading, "Observation", id, 1).await.unwrap().is_none(), "{id}");
        }
        let searching = grant(scopes, Some("mine"), Interaction::SearchType, "Observation");
        assert_eq!(search(&test, &searching, "Observation").await, (vec!["o-mine".to_owned()], Some(1)));

        let other = test.put("o-other", &observation("other", "2")).await;
        let mine = test.put("o-mine", &observation("mine", "2")).await;
        let found = test.store.read_written(vec![(reading.clone(), vec![other.clone(), mine.clone()])]).await.unwrap();
        let found: Vec<_> = found.iter().flatten().map(|version| version.facts().id.as_str()).collect();
        assert_eq!(found, ["o-mine"]);
        assert_eq!(test.store.read_written(vec![(reading, vec![other])]).await.unwrap().concat().len(), 0);
        let listing = grant(scopes, Some("mine"), Interaction::HistoryType, "Observation");
        let page = HistoryPage { count: 50, ..HistoryPage::default() };
        let history = test.store.history(&listing, HistoryTarget::Type("Observation".to_owned()), page).await.unwrap();
        let found: Vec<_> = history.versions.iter().map(|(version, _)| version.facts().id.as_str()).collect();
        assert_eq!((found, history.total), (vec!["o-mine", "o-mine"], Some(2)));

        let a = test.store.person_of_patient("mine").await.unwrap().unwrap();
        let b = test.store.person_of_patient("other").await.unwrap().unwrap();
        test.store.merge_persons(a, b, "same person").await.unwrap();
        let (found, _) = search(&test, &searching, "Observation").await;
        assert_eq!(found, ["o-mine", "o-other", "o-both"]);
    });
}

#[test]
fn type_that_is_not_granted_is_refused() {
    on_each("type_scope", |test| async move {
        filled(&test).await;
        let searching = grant("user/Observation.rs", None, Interaction::SearchType, "Observation");
        let refused = test.store.search(&searching, &query("Patient", &[]), Page { count: 5, ..Page::default() }).await;
        assert!(matches!(refused, Err(StoreError::Denied(_))));
        assert_eq!(search(&test, &searching, "Observation").await.0.len(), 4);
        let write = test
            .store
            .write(&searching, WriteBatch::new(vec![put("x", &patient("A", "1970"))], Default::default()))
            .await;
        assert!(matches!(write, Err(StoreError::Denied(_))));
        assert!(test.store.read(&system(), "Patient", "x").await.unwrap().is_none());
    });
}

#[test]
fn consent_that_denies_hides_at_once_and_its_end_shows_again() {
    on_each("consent", |test| async move {
        filled(&test).await;
        let searching = grant("user/*.rs", None, Interaction::SearchType, "Observation");
        assert_eq!(search(&test, &searching, "Observation").await.1, Some(4));
        let mut consent = json!({
            "resourceType": "Consent", "status": "active",
            "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "patient": {"reference": "Patient/other"},
            "provision": {"type": "deny"},
        });
        test.put("c", &consent).await;
        let (found, total) = search(&test, &searching, "Observation").await;
        assert_eq!((found, total), (vec!["o-mine".to_owned(), "o-unknown".to_owned()], Some(2)));
        let reading = grant("user/*.rs", None, Interaction::Read, "Observation");
        assert!(test.store.read(&reading, "Observation", "o-other").await.unwrap().is_none());
        let a = test.store.person_of_patient("mine").await.unwrap().unwrap();
        let b = test.store.person_of_patient("other").await.unwrap().unwrap();
        let event = test.store.merge_persons(a, b, "same person").await.unwrap().unwrap();
        assert_eq!(search(&test, &searching, "Observation").await.0, ["o-unknown"]);
        test.store.unmerge(event, "not the same").await.unwrap();
        consent["status"] = json!("inactive");
        test.put("c", &consent).await;
        assert_eq!(search(&test, &searching, "Observation").await.1, Some(4));
    });
}
