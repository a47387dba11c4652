//! Persons, links, merges and their undoing.

use policy::Source;
use store::{LinkKind, PersonLink, StoreError, WriteBatch};

use crate::support::{observation, on_each, patient, put, system};

#[test]
fn each_new_patient_is_a_person_until_linked() {
    on_each("persons", |test| async move {
        test.write(vec![
            put("o", &observation("a", "1")),
            put("a", &patient("Marlow", "1970-01-01")),
            put("b", &patient("Marlow", "1970-01-01")),
        ])
        .await
        .unwrap();
        let a = test.store.person_of_patient("a").await.unwrap().unwrap();
        let b = test.store.person_of_patient("b").await.unwrap().unwrap();
        assert_ne!(a, b);
        let facts = test.store.read(&system(), "Observation", "o").await.unwrap().unwrap().facts().clone();
        assert_eq!((facts.persons, facts.patient_ids), (vec![a], vec!["a".to_owned()]));

        let event = test.store.merge_persons(a, b, "a40").await.unwrap().unwrap();
        assert_eq!(test.store.person_of_patient("b").await.unwrap(), Some(a));
        assert_eq!(test.store.patients_of_person(a).await.unwrap(), ["a", "b"]);
        assert_eq!(test.store.last_person_event("b").await.unwrap(), Some(event));
        assert_eq!(test.store.merge_persons(a, a, "again").await.unwrap(), None);

        test.store.unmerge(event, "wrong patient").await.unwrap();
        assert_eq!(test.store.person_of_patient("b").await.unwrap(), Some(b));
        let again = test.store.unmerge(event, "twice").await;
        assert!(matches!(again, Err(StoreError::Conflict(_))));
        assert_eq!(test.store.last_person_event("b").await.unwrap(), None);
    });
}

#[test]
fn link_is_applied_with_the_write_that_led_to_it() {
    on_each("links", |test| async move {
        test.put("a", &patient("Marlow", "1970-01-01")).await;
        let link = PersonLink {
            patient_id: "b".to_owned(),
            with_patient_id: "a".to_owned(),
            kind: LinkKind::Link,
            reason: "nhs number and birth date".to_owned(),
        };
        let mut batch = WriteBatch::new(vec![put("b", &patient("Marlow", "1970-01-01"))], Source::feed("gp-connect"));
        batch.links = vec![link.clone(), link];
        test.store.write(&system(), batch).await.unwrap();
        let a = test.store.person_of_patient("a").await.unwrap();
        assert_eq!(test.store.person_of_patient("b").await.unwrap(), a);
    });
}
