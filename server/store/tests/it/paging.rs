//! Pages as of one state, whatever is written between them.

use std::collections::BTreeSet;

use store::Page;

use crate::support::{TestStore, ids, on_each, patient, put, query, system};

/// Changes some of everything: what was read, what is to be read, what matches and what did not.
async fn disturb(test: &TestStore, round: usize) {
    for n in (round % 7..200).step_by(7) {
        let id = format!("p{n}");
        match n % 4 {
            0 => drop(test.delete("Patient", &id).await),
            1 => drop(test.put(&id, &patient("Elsewhere", "1950-01-01")).await),
            2 => drop(test.put(&id, &patient(&format!("Same{round}"), "1990-01-01")).await),
            _ => drop(test.put(&format!("new{round}-{n}"), &patient("Same", "1971-01-01")).await),
        }
    }
}

async fn check(test: &TestStore, sort: &str) {
    let ops = (0..200).map(|n| {
        let family = if n % 5 == 0 { "Other" } else { "Same" };
        put(&format!("p{n}"), &patient(family, &format!("19{:02}-01-01", (n * 37) % 100)))
    });
    test.write(ops.collect()).await.unwrap();
    let query = match sort {
        "" => query("Patient", &[("family", "same")]),
        sort => query("Patient", &[("family", "same"), ("_sort", sort)]),
    };
    let all = test.page(&system(), &query, Page { count: 1000, ..Page::default() }).await;
    let expected = ids(&all);
    assert_eq!(expected.len(), 160);

    let mut page = Page { count: 13, ..Page::default() };
    let mut found = Vec::new();
    let mut round = 0;
    loop {
        let result = test.page(&system(), &query, page.clone()).await;
        assert_eq!(result.as_of, all.as_of, "the state of the first page");
        found.extend(ids(&result));
        let Some(next) = result.next else { break };
        page = Page { as_of: Some(result.as_of), after: Some(next), count: 13 };
        disturb(test, round).await;
        round += 1;
    }
    assert_eq!(found, expected, "sorted by {sort:?}");
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
    test.assert_whole().await;
}

#[test]
fn pages_in_key_order_are_of_one_state() {
    on_each("page_key", |test| async move { check(&test, "").await });
}

#[test]
fn pages_in_order_of_a_parameter_are_of_one_state() {
    on_each("page_sort", |test| async move { check(&test, "-birthdate,_id").await });
}

#[test]
fn pages_in_order_of_time_are_of_one_state() {
    on_each("page_time", |test| async move { check(&test, "-_lastUpdated").await });
}
