//! A Questionnaire by itself: what the conditions of its items ask for.

use fhir::Severity;
use profiles::Options;
use serde_json::{Value, json};

use crate::{errors, issues};

/// A form of the group `g` with `a` and, when that is answered, `b` in it, then `c`; the condition is put on one of them.
fn form(asking: &str, asked: &str) -> Value {
    let item = |link_id: &str, items: &[Value]| {
        let mut made = json!({"linkId": link_id, "type": if link_id == "g" { "group" } else { "string" }});
        if !items.is_empty() {
            made["item"] = json!(items);
        }
        if link_id == asking {
            made["enableWhen"] = json!([{"question": asked, "operator": "exists", "answerBoolean": true}]);
        }
        made
    };
    let group = item("g", &[item("a", &[item("b", &[])])]);
    json!({"resourceType": "Questionnaire", "status": "active", "item": [group, item("c", &[])]})
}

fn check(asking: &str, asked: &str, expected: &[&str]) {
    assert_eq!(errors(&form(asking, asked), &Options::default()), expected, "{asking} asks for {asked}");
}

#[test]
fn a_condition_asks_for_an_item_of_the_form() {
    check("c", "a", &[]);
    check("c", "b", &[]);
    check("b", "a", &[]);
    check("b", "g", &[]);
    check("c", "nope", &["business-rule Questionnaire.item[1].enableWhen[0]"]);
    check("b", "nope", &["business-rule Questionnaire.item[0].item[0].item[0].enableWhen[0]"]);
}

#[test]
fn a_condition_asks_neither_for_its_own_item_nor_for_one_below_it() {
    check("c", "c", &["business-rule Questionnaire.item[1].enableWhen[0]"]);
    check("a", "b", &["business-rule Questionnaire.item[0].item[0].enableWhen[0]"]);
    check("g", "b", &["business-rule Questionnaire.item[0].enableWhen[0]"]);
}

#[test]
fn a_condition_that_asks_for_a_later_item_is_told() {
    let found = issues(&form("a", "c"), &Options::default());
    let found: Vec<_> = found.iter().filter(|issue| issue.code == "business-rule").collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].severity, Severity::Warning);
    assert_eq!(found[0].diagnostics, "the condition asks for `c`, which comes later in the form");
}
