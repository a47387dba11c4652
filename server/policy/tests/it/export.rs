//! The export rules, held against the golden table, and the cohort built from them.

use fhir::{Instant, Json};
use policy::{
    Answer, Cohort, Decision, Dissent, DissentKind, ExportFacts, ExportRules, NationalDataOptOut, NhsNumberHeld,
    PersonKey, Type1Effect, WithheldRule, exportable, refuse_stale_answer, type_1_statement,
};

const DAY_MS: i64 = 86_400_000;
const NOW: Instant = Instant(50 * DAY_MS);

fn number(word: &str) -> NhsNumberHeld {
    let at = |day: i64| Answer::Returned(Instant(day * DAY_MS));
    let (is_valid, answer) = match word {
        "fresh" => (true, at(49)),
        "limit" => (true, at(43)),
        "old" => (true, at(42)),
        "future" => (true, at(51)),
        "missing" => (true, Answer::NotReturned),
        "unasked" => (true, Answer::NotAsked),
        "bad" => (false, Answer::NotAsked),
        other => panic!("number {other}"),
    };
    NhsNumberHeld { is_valid, answer }
}

fn dissent(word: &str) -> Dissent {
    let (kind, day) = word.split_at(1);
    let kind = if kind == "d" { DissentKind::Dissent } else { DissentKind::Withdrawal };
    Dissent { kind, at: day.parse::<i64>().ok().map(|day| Instant(day * DAY_MS)) }
}

fn words(cell: &str) -> Vec<&str> {
    if cell == "-" { Vec::new() } else { cell.split(',').collect() }
}

fn decision_text(decision: Decision) -> String {
    match decision {
        Decision::Release => "release".to_owned(),
        Decision::ReleaseWithoutGeneralPractice => "release-without-general-practice".to_owned(),
        Decision::Withheld(rule) => rule.to_string(),
    }
}

#[test]
fn golden_decision_table_holds() {
    let mut seen = Vec::new();
    for line in include_str!("export_decisions.txt").lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [numbers, type_1, flags, rules, expected] = cells[..] else { panic!("row {line}") };
        let flag = |name: &str| words(flags).contains(&name);
        let facts = ExportFacts {
            nhs_numbers: words(numbers).into_iter().map(number).collect(),
            type_1: words(type_1).into_iter().filter(|word| *word != "row").map(dissent).collect(),
            has_type_1: type_1 == "row",
            is_sensitive: flag("sensitive"),
            has_consent_deny: flag("deny"),
            is_merged_with_withheld: flag("merged"),
            is_test_patient: flag("test"),
        };
        let mut settings = ExportRules::at(NOW);
        match rules {
            "strict" => {}
            "whole" => settings.type_1 = Type1Effect::WholePerson,
            "exempt" => settings.national_data_opt_out = NationalDataOptOut::Exempt,
            "no-test" => settings.withholds_test_patients = true,
            other => panic!("rules {other}"),
        }
        assert_eq!(decision_text(exportable(&facts, &settings)), expected, "{line}");
        seen.push(expected.to_owned());
    }
    for rule in WithheldRule::ALL {
        assert!(seen.contains(&rule.to_string()), "no row withholds by {rule}");
    }
}

#[test]
fn cohort_holds_the_released_and_counts_the_withheld() {
    let person = |numbers: &str, type_1: &str| ExportFacts {
        nhs_numbers: words(numbers).into_iter().map(number).collect(),
        type_1: words(type_1).into_iter().map(dissent).collect(),
        ..ExportFacts::default()
    };
    let people = [
        (PersonKey(3), person("fresh", "-")),
        (PersonKey(1), person("fresh", "d1")),
        (PersonKey(2), person("missing", "-")),
        (PersonKey(4), person("unasked", "-")),
    ];
    let (cohort, withheld) = Cohort::decide(people, &ExportRules::at(NOW));
    assert_eq!(cohort.persons(), [PersonKey(1), PersonKey(3)]);
    assert_eq!(withheld.by_rule.into_iter().collect::<Vec<_>>(), [(WithheldRule::NotInNationalDataOptOutAnswer, 2)]);
    assert_eq!(withheld.without_general_practice, 1);
}

#[test]
fn export_without_fresh_answer_is_refused() {
    let rules = ExportRules::at(NOW);
    let reason = |answer: Option<i64>| {
        refuse_stale_answer(answer.map(|day| Instant(day * DAY_MS)), &rules).err().map(|denied| denied.reason)
    };
    assert_eq!(reason(None), Some("opt-out-answer-missing"));
    assert_eq!(reason(Some(42)), Some("opt-out-answer-stale"));
    assert_eq!(reason(Some(51)), Some("opt-out-answer-stale"));
    assert_eq!(reason(Some(43)), None);
}

#[test]
fn type_1_statement_is_read_from_a_coded_entry() {
    let read = |text: &str| type_1_statement(&Json::parse(text.as_bytes()).unwrap()).map(|s| (s.kind, s.at.is_some()));
    let entry = |system: &str, code: &str, rest: &str| {
        format!(
            r#"{{"resourceType":"Observation","code":{{"coding":[{{"system":"{system}","code":"{code}"}}]}}{rest}}}"#
        )
    };
    let dated = r#","effectiveDateTime":"2020-01""#;
    let snomed = "http://snomed.info/sct";
    assert_eq!(read(&entry(snomed, "827241000000103", dated)), Some((DissentKind::Dissent, true)));
    assert_eq!(read(&entry("http://read.info/readv2", "9Nu0.", "")), Some((DissentKind::Dissent, false)));
    assert_eq!(read(&entry("http://read.info/readv2", "9Nu1.", dated)), Some((DissentKind::Withdrawal, true)));
    assert_eq!(read(&entry(snomed, "9Nu1.", dated)), None, "a withdrawal is never guessed");
    assert_eq!(read(&entry(snomed, "827241000000103", r#","status":"entered-in-error""#)), None);
    assert_eq!(read(&entry(snomed, "75367002", dated)), None);
}
