//! Pages of a search: stable under writes, and bound to the token and the search that got them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tests::{Api, observation, on_each, unique};

struct Pages {
    patient: String,
    code: String,
    ids: Vec<String>,
}

async fn with_observations(api: &Api<'_>, count: usize) -> Pages {
    let patient = api.create(&tests::Person::new().patient()).await;
    let code = unique("code");
    let mut ids = Vec::new();
    for day in 1..=count {
        ids.push(api.create(&observation(&patient, &code, &format!("2026-01-{day:02}"))).await);
    }
    Pages { patient, code, ids }
}

async fn walk(api: &Api<'_>, search: &str, between: impl AsyncFn(usize)) -> Vec<String> {
    let (mut found, mut next, mut page) = (Vec::new(), Some(search.to_owned()), 0);
    while let Some(url) = next {
        let answer = api.get(&url).await.expect(200);
        found.extend(answer.ids());
        next = answer.link("next");
        between(page).await;
        page += 1;
    }
    found
}

#[test]
fn pages_hold_each_match_once() {
    on_each("paging", |app| async move {
        let api = app.system("system/*.cruds").await;
        let pages = with_observations(&api, 7).await;
        for sort in ["", "&_sort=date", "&_sort=-date", "&_sort=_lastUpdated"] {
            let search = format!("Observation?code={}&_count=3{sort}", pages.code);
            let mut found = walk(&api, &search, async |_| ()).await;
            if sort == "&_sort=date" {
                assert_eq!(found, pages.ids);
            }
            found.sort();
            let mut expected = pages.ids.clone();
            expected.sort();
            assert_eq!(found, expected, "{search}");
        }
    });
}

#[test]
fn pages_are_of_one_state_whatever_is_written_meanwhile() {
    on_each("paging_stable", |app| async move {
        let api = app.system("system/*.cruds").await;
        let pages = with_observations(&api, 6).await;
        let search = format!("Observation?code={}&_count=2&_sort=date", pages.code);
        let found = walk(&api, &search, async |page| {
            if page > 0 {
                return;
            }
            // One in front of all, one that changes its place, one that goes away.
            api.create(&observation(&pages.patient, &pages.code, "2025-01-01")).await;
            let mut moved = observation(&pages.patient, &pages.code, "2024-01-01");
            moved["id"] = json!(pages.ids[3]);
            api.put(&format!("Observation/{}", pages.ids[3]), &moved).await.expect(200);
            api.delete(&format!("Observation/{}", pages.ids[5])).await.expect(204);
        })
        .await;
        let mut once = found.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), found.len(), "a match came twice");
        assert!(pages.ids[..5].iter().all(|id| found.contains(id)), "a match was lost: {found:?}");
        assert!(found.iter().all(|id| pages.ids.contains(id)), "a match of a later state came in: {found:?}");
    });
}

#[test]
fn a_page_link_is_for_the_token_and_the_search_that_got_it() {
    on_each("paging_link", |app| async move {
        let api = app.system("system/*.cruds").await;
        let pages = with_observations(&api, 3).await;
        let first = api.get(&format!("Observation?code={}&_count=1", pages.code)).await.expect(200);
        let next = first.link("next").unwrap();
        let other = app.system("system/*.cruds").await;
        other.get(&next).await.refused(400);
        api.get(&next.replace(&pages.code, "2345-7")).await.refused(400);
        api.get(&next.replace("Observation?", "Condition?")).await.refused(400);
        let (start, page) = next.split_once("_page=").unwrap();
        for at in [0, page.len() / 2, page.len() - 2] {
            let other = if page.as_bytes()[at] == b'A' { "B" } else { "A" };
            api.get(&format!("{start}_page={}{other}{}", &page[..at], &page[at + 1..])).await.refused(400);
        }
        for part in [&page[..4], &page[..page.len() - 4], &page[4..]] {
            api.get(&format!("{start}_page={part}")).await.refused(400);
        }
        api.get(&format!("Observation?code={}&_count=1&_page=", pages.code)).await.refused(400);
        api.get(&next).await.expect(200);
    });
}

#[test]
fn a_page_link_tells_nothing_of_whom_it_continues_after() {
    on_each("paging_sealed", |app| async move {
        let api = app.system("system/*.cruds").await;
        let people = [tests::Person::new(), tests::Person::new()];
        let mut ids = Vec::new();
        for person in &people {
            ids.push(api.create(&person.patient()).await);
        }
        let search = format!("Patient?_id={}&_count=1&_sort=family", ids.join(","));
        let first = api.get(&search).await.expect(200);
        let next = first.link("next").unwrap();
        let (_, page) = next.split_once("_page=").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(page).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(people.iter().all(|person| !text.contains(&person.family.to_lowercase())), "{text}");
        assert_eq!(api.get(&next).await.expect(200).ids().len(), 1);
        let again = api.get(&search).await.expect(200).link("next").unwrap();
        assert_ne!(again, next, "the same state looks the same");
    });
}

#[test]
fn a_page_is_never_larger_than_the_limit() {
    on_each("paging_limit", |app| async move {
        let api = app.system("system/*.cruds").await;
        let pages = with_observations(&api, 2).await;
        let search = format!("Observation?code={}", pages.code);
        let none = api.get(&format!("{search}&_count=0")).await.expect(200).json();
        assert_eq!((none["total"].as_u64(), none.get("entry")), (Some(2), None));
        assert_eq!(api.get(&format!("{search}&_count=1000000")).await.expect(200).ids().len(), 2);
        api.get(&format!("{search}&_count=-1")).await.refused(400);
        api.get(&format!("{search}&_count=many")).await.refused(400);
    });
}
