//! The opt-out register: what was asked, what came back, and nothing that names anybody.

use fhir::{Instant, NhsNumber};
use store::{OptOutRegister, StoreError};

use crate::support::{TestStore, on_each};

/// The first test-range numbers that pass the checksum.
fn numbers(count: usize) -> Vec<NhsNumber> {
    (9_990_000_000_u64..).filter_map(|number| NhsNumber::parse(&number.to_string()).ok()).take(count).collect()
}

async fn register(test: &TestStore) -> OptOutRegister {
    let key = test.store.control().key_or_insert("opt-out-register", &[7; 32], Instant(0)).await.unwrap();
    test.store.opt_out_register(key)
}

#[test]
fn number_is_released_only_by_the_newest_answer() {
    on_each("opt_out_answers", |test| async move {
        let register = register(&test).await;
        let all = numbers(5);
        assert_eq!(test.store.latest_opt_out_answer().await.unwrap(), None);
        register.record_request("r1", &[&all[..4], &all[..2]].concat(), Instant(100)).await.unwrap();
        assert!(register.answers(&all).await.unwrap().is_empty());
        let answered = register.record_answer("r1", &all[..3], Instant(110)).await.unwrap();
        assert_eq!((answered.asked_count, answered.returned_count), (4, Some(3)));

        let answers = register.answers(&all).await.unwrap();
        let of =
            |n: usize| answers.get(&all[n]).map(|answer| (answer.asked_at.0, answer.answered_at.0, answer.returned));
        assert_eq!(of(0), Some((100, 110, true)));
        assert_eq!(of(3), Some((100, 110, false)));
        assert_eq!(of(4), None);

        // Asked again: until there is an answer the old one stands, then the new one alone.
        register.record_request("r2", &all[1..], Instant(200)).await.unwrap();
        assert_eq!(register.answers(&all[1..2]).await.unwrap()[&all[1]].asked_at, Instant(100));
        register.record_answer("r2", &all[3..], Instant(210)).await.unwrap();
        let answers = register.answers(&all).await.unwrap();
        let returned: Vec<_> =
            all.iter().map(|number| (answers[number].asked_at.0, answers[number].returned)).collect();
        assert_eq!(returned, [(100, true), (200, false), (200, false), (200, true), (200, true)]);
        assert_eq!(test.store.latest_opt_out_answer().await.unwrap().unwrap().id, "r2");

        assert_eq!(test.store.purge_opt_outs(Instant(200)).await.unwrap(), 1);
        let answers = register.answers(&all).await.unwrap();
        assert!(!answers.contains_key(&all[0]));
        assert_eq!(test.store.opt_out_requests().await.unwrap().len(), 1);
    });
}

#[test]
fn answer_that_does_not_fit_its_request_is_refused_whole() {
    on_each("opt_out_refusals", |test| async move {
        let register = register(&test).await;
        let all = numbers(3);
        register.record_request("r", &all[..2], Instant(100)).await.unwrap();
        let twice = register.record_request("r", &all, Instant(101)).await;
        assert!(matches!(twice, Err(StoreError::Conflict(_))));
        let stranger = register.record_answer("r", &all, Instant(110)).await.unwrap_err();
        assert!(matches!(stranger, StoreError::Invalid(_)));
        assert!(!stranger.to_string().contains("999"));
        assert!(register.answers(&all).await.unwrap().is_empty());
        let early = register.record_answer("r", &all[..1], Instant(99)).await;
        assert!(matches!(early, Err(StoreError::Invalid(_))));
        let unknown = register.record_answer("other", &all[..1], Instant(110)).await;
        assert!(matches!(unknown, Err(StoreError::NotFound(_))));
        register.record_answer("r", &[], Instant(110)).await.unwrap();
        let second = register.record_answer("r", &all[..1], Instant(111)).await;
        assert!(matches!(second, Err(StoreError::Conflict(_))));
        let answers = register.answers(&all).await.unwrap();
        assert!(answers.len() == 2 && answers.values().all(|answer| !answer.returned));
    });
}

#[test]
fn of_two_answers_to_the_same_moment_the_one_that_withholds_counts() {
    on_each("opt_out_tie", |test| async move {
        let register = register(&test).await;
        let all = numbers(1);
        for (id, returned) in [("a", &all[..]), ("b", &[]), ("c", &all[..])] {
            register.record_request(id, &all, Instant(100)).await.unwrap();
            register.record_answer(id, returned, Instant(110)).await.unwrap();
        }
        assert!(!register.answers(&all).await.unwrap()[&all[0]].returned);
    });
}

#[test]
fn register_is_silent_without_its_key() {
    on_each("opt_out_key", |test| async move {
        let all = numbers(2);
        let before = register(&test).await;
        before.record_request("r", &all, Instant(100)).await.unwrap();
        before.record_request("waiting", &all, Instant(100)).await.unwrap();
        before.record_answer("r", &all, Instant(110)).await.unwrap();
        let key = test.store.control().rotate_key("opt-out-register", &[8; 32], Instant(120)).await.unwrap();
        let after = test.store.opt_out_register(key);
        assert!(after.answers(&all).await.unwrap().is_empty());
        assert!(after.record_answer("waiting", &all, Instant(130)).await.is_err());
    });
}

#[test]
fn request_of_several_parts_is_answered() {
    on_each("opt_out_large", |test| async move {
        let register = register(&test).await;
        let all = numbers(70_000);
        register.record_request("r", &all, Instant(100)).await.unwrap();
        let returned: Vec<_> = all.iter().step_by(2).cloned().collect();
        register.record_answer("r", &returned, Instant(110)).await.unwrap();
        let answers = register.answers(&all).await.unwrap();
        assert_eq!(answers.len(), all.len());
        assert!(all.iter().enumerate().all(|(n, number)| answers[number].returned == (n % 2 == 0)));
    });
}
