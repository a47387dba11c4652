//! How `_text` and `_content` are read.

use search::{Condition, TextCondition, Words};

use crate::{condition, read, refused};

fn words(text: &str) -> Words {
    match condition("Patient", &format!("_content={text}")) {
        Condition::Text(TextCondition { is_narrative: false, words }) => words,
        other => panic!("{other:?}"),
    }
}

fn word(text: &str) -> Words {
    Words::Word(text.into())
}

#[test]
fn words_are_folded_and_joined() {
    assert_eq!(words("Müller"), word("muller"));
    assert_eq!(words("hay fever"), Words::All(vec![word("hay"), word("fever")]));
    assert_eq!(words("\"hay fever\""), Words::All(vec![word("hay"), word("fever")]));
    assert_eq!(words("hay-fever"), Words::All(vec![word("hay"), word("fever")]));
    assert_eq!(words("asth*"), Words::Prefix("asth".into()));
    assert_eq!(words("a AND b"), words("a b"));
    assert_eq!(words("a,b"), words("a or b"));
    let or = Words::Any(vec![word("a"), Words::All(vec![word("b"), word("c")])]);
    assert_eq!(words("a or b and c"), or);
    let without = Words::Without(Box::new(word("a")), Box::new(word("b")));
    assert_eq!(words("a not b"), without);
    assert_eq!(words("not b and a"), without);
}

#[test]
fn absence_alone_is_a_condition() {
    assert!(matches!(condition("Patient", "_text=not a"), Condition::Not(_)));
    assert!(matches!(condition("Patient", "_text=a or not b"), Condition::Any(_)));
}

#[test]
fn faults_are_refused() {
    for text in ["and", "a and", "(a", "a)", "()", "-", "\"\"", "a or", "not", "a,"] {
        assert!(refused("Patient", &format!("_text={text}")).contains("`_text`"), "{text}");
    }
    assert!(refused("Patient", &format!("_text={}a", "(".repeat(50))).contains("deep"));
    assert!(refused("Patient", &format!("_text={}", "a ".repeat(501))).contains("500 words"));
    assert!(refused("Binary", "_text=a").contains("not defined"), "a Binary has no narrative");
    assert!(read("Binary", "_content=a").is_ok());
    assert!(refused("Patient", "_text:exact=a").contains("not defined"));
}
