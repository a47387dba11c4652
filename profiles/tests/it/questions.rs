//! The two phases: what cannot be told comes back as questions, and their answers decide.

use std::collections::HashSet;

use fhir::{Json, Severity};
use profiles::{AnsweredFacts, Options, Question, Verdict};
use serde_json::{Value, json};
use terminology::{CodeQuestion, Told};

use crate::validator;

const SNOMED: &str = "http://snomed.info/sct";
const TYPES: &str = "https://fhir.hl7.org.uk/ValueSet/UKCore-DocumentType";

fn document() -> Value {
    let coding = json!({"system": SNOMED, "code": "22298006", "display": "Infarct"});
    json!({"resourceType": "DocumentReference", "status": "current", "type": {"coding": [coding.clone(), coding]},
        "subject": {"reference": "Patient/1"}, "author": [{"reference": "#x"}, {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}],
        "contained": [{"resourceType": "Practitioner", "id": "x"}],
        "content": [{"attachment": {"contentType": "text/plain", "url": "https://ehr.example/1"}}]})
}

fn asking() -> Options {
    Options { asks: true, missing_target: Some(Severity::Error), ..Options::uk_core() }
}

fn in_system() -> Question {
    Question::Code(CodeQuestion::InSystem { system: SNOMED.to_owned(), code: "22298006".to_owned() })
}

fn in_value_set() -> Question {
    let (value_set, system) = (TYPES.to_owned(), Some(SNOMED.to_owned()));
    Question::Code(CodeQuestion::InValueSet { value_set, system, code: "22298006".to_owned() })
}

fn exists() -> Question {
    Question::ReferenceExists { reference: "Patient/1".to_owned() }
}

/// Severity and words of what is said when these are the answers.
fn said(facts: Vec<(Question, Told)>) -> Vec<(Severity, String)> {
    let json = Json::from_value(&document());
    let assessment = validator().assess(&json, &asking(), &facts.into_iter().collect::<AnsweredFacts>());
    assessment.issues.into_iter().map(|issue| (issue.severity, issue.diagnostics)).collect()
}

fn yes(displays: &[&str]) -> Told {
    Told::Yes { displays: displays.iter().map(|text| (*text).to_owned()).collect() }
}

#[test]
fn what_cannot_be_told_is_asked_once() {
    let json = || Json::from_value(&document());
    let Verdict::Needs { questions, issues, .. } = validator().validate(json(), &asking(), &AnsweredFacts::new())
    else {
        panic!("expected questions");
    };
    assert_eq!(questions.len(), 3, "{questions:?}");
    assert_eq!(questions.into_iter().collect::<HashSet<_>>(), HashSet::from([in_system(), in_value_set(), exists()]));
    assert!(issues.iter().all(|issue| !issue.is_error()), "{issues:?}");
    // Whoever does not answer is not asked, and the judgement is that of the first phase.
    let alone = Options { asks: false, ..asking() };
    let Verdict::Validated(validated) = validator().validate(json(), &alone, &AnsweredFacts::new()) else {
        panic!("expected no questions");
    };
    assert_eq!(validated.issues().len(), issues.len());
}

#[test]
fn answers_decide() {
    let has = |said: &[(Severity, String)], severity: Severity, text: &str| {
        said.iter().any(|(own, words)| *own == severity && words.contains(text))
    };
    let right =
        said(vec![(in_system(), yes(&["Heart attack", "INFARCT"])), (in_value_set(), yes(&[])), (exists(), yes(&[]))]);
    assert!(
        right.iter().all(|(severity, words)| *severity > Severity::Warning && !words.contains(SNOMED)),
        "{right:?}"
    );
    let wrong = said(vec![(in_system(), yes(&["Heart attack"])), (in_value_set(), Told::No), (exists(), Told::No)]);
    assert!(has(&wrong, Severity::Warning, TYPES) && has(&wrong, Severity::Warning, "the display"), "{wrong:?}");
    assert!(has(&wrong, Severity::Error, "the target of the reference"), "{wrong:?}");
    assert!(has(&said(vec![(in_system(), Told::No)]), Severity::Warning, "is not one of the code system"));
    let unknown = said(vec![(in_system(), Told::Unknown), (in_value_set(), Told::Unknown), (exists(), Told::Unknown)]);
    assert!(has(&unknown, Severity::Information, "could not be checked"), "{unknown:?}");
    assert_eq!(unknown.iter().filter(|(_, words)| words.contains(SNOMED)).count(), 1, "{unknown:?}");
    assert!(!unknown.iter().any(|(severity, _)| *severity <= Severity::Warning), "{unknown:?}");
}
