//! The review list: each question once, decided once.

use fhir::Instant;
use policy::PersonKey;
use store::{NewReview, ReviewState, StoreError};

use crate::support::on_each;

#[test]
fn question_is_asked_once_and_decided_once() {
    on_each("reviews", |test| async move {
        let store = &test.store;
        let about_patient = NewReview {
            patient_id: "a".to_owned(),
            other_patient_id: Some("b".to_owned()),
            person: None,
            reason: "birth-date-differs".to_owned(),
            opened: Instant(1),
        };
        let about_person = NewReview { other_patient_id: None, person: Some(PersonKey(7)), ..about_patient.clone() };
        assert!(store.add_review(&about_patient).await.unwrap());
        assert!(store.add_review(&about_person).await.unwrap());
        assert!(!store.add_review(&NewReview { opened: Instant(2), ..about_patient.clone() }).await.unwrap());
        let open = store.open_reviews().await.unwrap();
        assert_eq!(open.iter().map(|review| &review.question).collect::<Vec<_>>(), [&about_patient, &about_person]);

        let undecided = store.decide_review(open[0].key, ReviewState::Open, "clerk", Instant(3)).await;
        assert!(matches!(undecided, Err(StoreError::Invalid(_))));
        assert!(store.decide_review(open[0].key, ReviewState::Different, "clerk", Instant(3)).await.unwrap());
        assert!(!store.decide_review(open[0].key, ReviewState::Same, "other", Instant(4)).await.unwrap());
        let decided = store.reviews(ReviewState::Different).await.unwrap();
        assert_eq!((decided.len(), decided[0].decided_by.as_deref()), (1, Some("clerk")));
        assert_eq!(store.open_reviews().await.unwrap().len(), 1);
        assert!(!store.add_review(&about_patient).await.unwrap());
        assert_eq!(store.open_reviews().await.unwrap().len(), 1);
    });
}
