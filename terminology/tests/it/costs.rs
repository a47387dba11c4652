//! Questions that would take too long are given up.

use definitions::{Definitions, facts};
use serde_json::{Value, json};
use terminology::{Added, CannotTell, ExpandOptions, Known, TranslateRequest};

const SYSTEM: &str = "http://test/animals";

fn expanded(filters: Vec<Value>, words: &str) -> Result<usize, CannotTell> {
    let base = Definitions::r4().expect("the base definitions load");
    let definitions = base.with_overlay(vec![super::animals()]).expect("the definitions can be added");
    let set = super::value_set("costly", json!({"include": [{"system": SYSTEM, "filter": filters}]}));
    let set = facts::value_set(&set).expect("the value set can be read");
    let options = ExpandOptions { filter: Some(words.to_owned()), codes_max: 100, ..ExpandOptions::default() };
    Known::new(&definitions, &Added::default()).expand(&set, &options).map(|found| found.total)
}

#[test]
fn patterns_and_words_are_limited() {
    let patterns = |count: u32| {
        let one = |number| json!({"property": "concept", "op": "regex", "value": format!(".*|{number}")});
        (0..count).map(one).collect::<Vec<_>>()
    };
    assert_eq!(expanded(patterns(100), ""), Ok(4));
    assert_eq!(expanded(patterns(101), ""), Err(CannotTell::TooCostly));
    assert_eq!(expanded(Vec::new(), &"dog ".repeat(1_000)), Ok(1));
    let words: Vec<String> = (0..100).map(|number| format!("word{number}")).collect();
    assert!(matches!(expanded(Vec::new(), &words.join(" ")), Err(CannotTell::TooManyWords { .. })));
}

#[test]
fn maps_that_hand_codes_on_in_breadth_are_limited() {
    let group = |next: u32| {
        // The last hands nothing on.
        let mode = if next == 7 { "provided" } else { "other-map" };
        json!({"source": SYSTEM, "target": "http://test/other", "element": [{"code": "none", "target": [{"code": "x", "equivalence": "equal"}]}],
            "unmapped": {"mode": mode, "url": format!("http://test/map{next}")}})
    };
    let map = |number: u32| {
        let groups: Vec<Value> = (0..30).map(|_| group(number + 1)).collect();
        json!({"resourceType": "ConceptMap", "url": format!("http://test/map{number}"), "status": "active", "group": groups})
    };
    let read = |number| std::sync::Arc::new(facts::concept_map(&map(number)).expect("the map can be read"));
    let added = Added { concept_maps: (0..7).map(read).collect(), ..Added::default() };
    let definitions = Definitions::r4().expect("the base definitions load");
    let request =
        TranslateRequest { codings: vec![(SYSTEM.to_owned(), "dog".to_owned())], ..TranslateRequest::default() };
    let map = added.concept_maps.first().expect("there is one");
    let known = Known::new(&definitions, &added);
    assert_eq!(known.translate(Some(map), &request), Err(CannotTell::TooCostly));
}
