//! Chains and `_has`: what is refused, and what they cost.

use search::{Condition, Limits, Options};

use crate::{condition, read, read_with, refused};

#[test]
fn a_chain_is_spread_over_the_types_that_know_the_rest() {
    let Condition::Chain(chain) = condition("Observation", "subject.name=x") else { panic!("not a chain") };
    let types: Vec<&str> = chain.targets.iter().map(|target| target.type_name.as_str()).collect();
    assert_eq!(types, ["Patient", "Location"], "Group and Device have no such parameter: {types:?}");
    let Condition::Chain(chain) = condition("Observation", "patient.name=x") else { panic!("not a chain") };
    assert_eq!(chain.targets.len(), 1, "`patient` is a patient");
}

#[test]
fn chains_that_lead_nowhere_are_refused_by_name() {
    assert!(refused("Observation", "code.name=x").contains("refers to nothing"));
    assert!(refused("Observation", "patient.zzz=x").contains("`zzz`"));
    assert!(refused("Observation", "subject:Group.name=x").contains("`name` is not defined for Group"));
    assert!(refused("Observation", "subject:Medication.code=x").contains("does not refer to `Medication`"));
    assert!(refused("Observation", "subjekt.name=x").contains("did you mean `subject`"));
    assert!(refused("Observation", "patient.=x").contains("search parameter"));
    assert!(refused("Observation", "patient.birthdate=x").contains("`birthdate`"), "a wrong value is wrong in a chain");
}

#[test]
fn what_refers_by_canonical_url_is_not_followed_in_silence() {
    for (type_name, query) in [
        ("QuestionnaireResponse", "questionnaire.status=active"),
        ("MeasureReport", "measure:Measure.name=x"),
        ("Measure", "depends-on.status=active"),
        ("Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=completed"),
        ("QuestionnaireResponse", "_include=QuestionnaireResponse:questionnaire"),
    ] {
        let text = refused(type_name, query);
        assert!(text.contains("refers by canonical URL"), "{query}: {text}");
    }
    read("QuestionnaireResponse", "questionnaire=http://example.org/Questionnaire/q").unwrap();
    condition("QuestionnaireResponse", "subject:Patient.name=x");
}

#[test]
fn reverse_chains_that_lead_nowhere_are_refused_by_name() {
    assert!(refused("Patient", "_has=x").contains("`_has:Type:reference:parameter`"));
    assert!(refused("Patient", "_has:Observation:patient=x").contains("`_has:Type:reference:parameter`"));
    assert!(refused("Patient", "_has:Nothing:patient:code=x").contains("`Nothing`"));
    assert!(refused("Patient", "_has:Observation:code:code=x").contains("refers to nothing"));
    assert!(refused("Patient", "_has:Observation:encounter:code=x").contains("does not refer to Patient"));
    assert!(refused("Patient", "_has:Observation:patient:zzz=x").contains("`zzz`"));
}

#[test]
fn cost_has_limits() {
    let deep = format!("{}name=x", "partof.".repeat(11));
    assert!(refused("Organization", &deep).contains("deep"));
    assert!(read("Organization", &format!("{}name=x", "partof.".repeat(10))).is_ok());
    assert!(
        refused("Composition", "subject.subject._id=x").contains("conditions"),
        "every type with a subject times its targets"
    );
    let many = vec!["x"; 501].join(",");
    assert!(refused("Patient", &format!("_has:Observation:patient:code={many}")).contains("500"));
    let hopeless = format!("{}zzz=x", "subject.".repeat(10));
    assert!(refused("Composition", &hopeless).contains("conditions"), "a search for nothing has its limit too");
    let limits = Limits { conditions_max: 2, ..Limits::default() };
    let issues = read_with("Patient", "name=a&name=b&name=c", &Options { limits, ..Options::default() }).unwrap_err();
    assert_eq!(issues[0].code, "too-costly");
}
