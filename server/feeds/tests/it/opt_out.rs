//! The opt-out files: what is written, what is read, what is refused as a whole.

use feeds::opt_out::{AnswerError, parse_answer, write_request};
use fhir::NhsNumber;
use proptest::prelude::*;

fn numbers(texts: &[&str]) -> Vec<NhsNumber> {
    texts.iter().map(|text| NhsNumber::parse(text).unwrap()).collect()
}

fn golden(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/opt-out").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn request_is_one_number_a_line_with_comma_and_line_feed() {
    let asked = numbers(&["999 103 6768", "9991067329", "9991142886", "9991036768"]);
    assert_eq!(write_request(&asked), golden("request.dat"));
}

#[test]
fn answer_is_read_back() {
    assert_eq!(parse_answer(&golden("answer.dat")), Ok(numbers(&["9991036768", "9991142886"])));
    assert_eq!(parse_answer("9991036768,\r\n9991142886,\r\n"), Ok(numbers(&["9991036768", "9991142886"])));
    assert_eq!(parse_answer(""), Ok(Vec::new()));
}

#[test]
fn answer_with_one_wrong_line_is_refused_as_a_whole() {
    let line_of = |text: &str| match parse_answer(text) {
        Err(AnswerError::Malformed { line, .. }) => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(line_of("9991036768,\n9991036769,\n"), 2);
    assert_eq!(line_of("9991036768\n"), 1);
    assert_eq!(line_of("9991036768,\n\n9991142886,\n"), 2);
    assert_eq!(line_of("999 103 6768,\n"), 1);
    assert_eq!(line_of("NHS Number,\n9991036768,\n"), 1);
    assert_eq!(line_of("9991036768,\n99911428"), 2);
    assert_eq!(line_of("9991036768,9991142886,\n"), 1);
}

#[test]
fn rejection_is_told_from_an_answer() {
    assert_eq!(parse_answer(&golden("rejection.dat")), Err(AnswerError::Rejected { line: 1 }));
}

proptest! {
    #[test]
    fn what_is_written_is_read(digits in prop::collection::vec(0u32..1_000_000, 0..20)) {
        let asked: Vec<NhsNumber> = digits.iter()
            .flat_map(|part| (0..10).map(move |check| format!("999{part:06}{check}")))
            .filter_map(|text| NhsNumber::parse(&text).ok())
            .collect();
        let read = parse_answer(&write_request(&asked)).unwrap();
        let mut unique = asked;
        let mut seen = std::collections::HashSet::new();
        unique.retain(|number| seen.insert(number.as_str().to_owned()));
        prop_assert_eq!(read, unique);
    }

    #[test]
    fn garbage_never_panics(text in ".{0,200}") {
        let _ = parse_answer(&text);
    }
}
