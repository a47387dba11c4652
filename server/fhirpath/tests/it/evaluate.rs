//! Expressions on small documents: what search parameters and invariants need.

use definitions::Definitions;
use fhir::Json;
use fhirpath::{Context, Expression, FhirpathError, NoHost, Temporal};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::OnceLock;

pub(crate) fn definitions() -> &'static Definitions {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    DEFINITIONS.get_or_init(|| Definitions::r4().unwrap())
}

pub(crate) fn evaluate(document: &Value, expression: &str) -> Result<Vec<String>, FhirpathError> {
    let document = Json::from_value(document);
    let mut context = Context::new(document.root(), definitions(), &NoHost);
    context.now = Temporal::from_instant(0);
    context.steps_max = 10_000;
    let focus = context.resource.clone().unwrap();
    let found = Expression::parse(expression)?.evaluate(&focus, &context)?;
    Ok(found.iter().map(|value| value.to_text().unwrap_or_else(|| "(element)".into())).collect())
}

pub(crate) fn check(document: &Value, cases: &[(&str, &[&str])]) {
    for (expression, expected) in cases {
        assert_eq!(evaluate(document, expression).unwrap(), *expected, "{expression}");
    }
}

#[test]
fn paths_follow_types_choices_and_siblings() {
    let observation = json!({"resourceType": "Observation", "valueQuantity": {"value": 5.4, "code": "mg"},
        "_status": {"extension": [{"url": "urn:a", "valueString": "why"}]},
        "note": [{"text": "a"}, {"text": "b"}],
        "contained": [{"resourceType": "Patient", "birthDate": "1970-01"}],
        "subject": {"reference": "Patient/1"}, "performer": [{"reference": "Practitioner/2"}, {"display": "x"}]});
    check(
        &observation,
        &[
            ("Observation.value.value", &["5.4"]),
            ("value.value", &["5.4"]),
            ("Patient.value", &[]),
            ("valueQuantity", &[]),
            ("(Observation.value as Quantity).code", &["mg"]),
            ("Observation.value.as(CodeableConcept)", &[]),
            ("value.ofType(Quantity).exists() and value is Quantity", &["true"]),
            ("status.exists() and status.hasValue().not()", &["true"]),
            ("status.extension('urn:a').value", &["why"]),
            ("note[1].text | note.text", &["b", "a"]),
            ("contained.birthDate < @1970-02", &["true"]),
            ("Observation.performer.where(resolve() is Practitioner).reference", &["Practitioner/2"]),
            ("subject.where(resolve() is Patient).exists()", &["true"]),
            ("descendants().where($this is Quantity).count()", &["1"]),
            ("today() > @1969-12-31 and now() <= @1970-01-01T00:00:00.000Z", &["true"]),
            ("Observation.where(nothing = 'a').exists()", &["false"]),
        ],
    );
}

#[test]
fn endless_and_faulty_expressions_end() {
    let patient = json!({"resourceType": "Patient", "name": [{"given": ["a", "b"]}]});
    assert_eq!(evaluate(&patient, "repeat($this & 'a')"), Err(FhirpathError::TooManySteps));
    assert_eq!(evaluate(&patient, "'a'.matches('(')"), Err(FhirpathError::BadPattern));
    assert_eq!(evaluate(&patient, "'a'.matches('(a{1000}){1000}')"), Err(FhirpathError::BadPattern));
    assert_eq!(evaluate(&patient, "name.given.single()"), Err(FhirpathError::NotSingle("single")));
    assert_eq!(
        evaluate(&patient, "name.nope()"),
        Err(FhirpathError::Syntax { offset: 5, reason: "there is no function `nope`".into() })
    );
    let nested = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    for faulty in ["", "1 +", "name.", "'abc", "/* x", "a b", "name[", "@", "%", &nested, "-", "$x", "a.b("] {
        assert!(Expression::parse(faulty).is_err(), "{faulty:.20}");
    }
}

#[test]
fn a_long_chain_fits_the_stack() {
    let patient = json!({"resourceType": "Patient"});
    assert_eq!(evaluate(&patient, &format!("1{}", "+1".repeat(390))).unwrap(), ["391"]);
    assert_eq!(evaluate(&patient, &format!("1{}", ".first()".repeat(190))).unwrap(), ["1"]);
    assert!(evaluate(&patient, &format!("1{}", "+1".repeat(100_000))).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_engine_panic(text in ".{0,40}", words in proptest::collection::vec(0..WORDS.len(), 0..12)) {
        let patient = json!({"resourceType": "Patient", "name": [{"given": ["a", "b"]}], "birthDate": "1970-01"});
        let _ = evaluate(&patient, &text);
        let words: Vec<&str> = words.into_iter().map(|word| WORDS[word]).collect();
        let source = words.join(" ");
        let _ = evaluate(&patient, &source);
        let _ = Expression::parse(&source).map(|expression| expression.check("Patient", definitions()));
    }
}

const WORDS: [&str; 53] = [
    "name",
    "given",
    ".",
    "(",
    ")",
    "1",
    "79228162514264337593543950335.0",
    "9223372036854775807",
    "'a'",
    "@2020-02-30",
    "@9999-12-31",
    "@T23:59",
    "+",
    "-",
    "*",
    "/",
    "div",
    "mod",
    "=",
    "~",
    "<",
    "|",
    "is",
    "as",
    "Patient",
    "System.Integer",
    "5 'mg'",
    "9999999999999 years",
    "birthDate",
    ".highBoundary()",
    ".power(99)",
    ".round(99)",
    ".toString()",
    "[0]",
    "$this",
    "$total",
    "%resource",
    ".where(",
    ".repeat(",
    ".aggregate(",
    ".select(",
    ".sort(",
    ".toQuantity('g')",
    ".lowBoundary()",
    ".replaceMatches('a', 'b')",
    ".descendants()",
    ".iif(",
    ".resolve()",
    ".children()",
    "1 'Cel'",
    "{}",
    ",",
    "-2147483648",
];

#[test]
fn every_r4_invariant_compiles() {
    let mut sources: Vec<&str> = Vec::new();
    let mut elements: Vec<&definitions::ElementDef> = Vec::new();
    for found in definitions().types() {
        sources.extend(found.constraints.iter().map(|constraint| constraint.expression.as_str()));
        elements.extend(&found.elements);
    }
    while let Some(element) = elements.pop() {
        sources.extend(element.constraints.iter().map(|constraint| constraint.expression.as_str()));
        elements.extend(&element.children);
    }
    sources.retain(|source| !source.is_empty());
    assert!(sources.len() > 300);
    for source in sources {
        assert!(Expression::parse(source).is_ok(), "{source}: {:?}", Expression::parse(source).err());
    }
}
