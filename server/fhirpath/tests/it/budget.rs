//! What counts against the budget of steps.

use serde_json::{Value, json};

use crate::evaluate::evaluate;

/// A patient with a family name of that many letters.
fn long_named(length: usize) -> Value {
    json!({"resourceType": "Patient", "name": [{"family": "a".repeat(length)}]})
}

#[test]
fn joining_the_texts_of_elements_is_counted() {
    let letters = "x".repeat(1_000);
    for expression in ["%resource.name.family & 'x'", "%resource.name.family + 'x'", "'x' & %resource.name.family"] {
        let expression = format!("'{letters}'.toChars().select({expression}).count()");
        let error = evaluate(&long_named(100_000), &expression).unwrap_err();
        assert_eq!(error, fhirpath::FhirpathError::TooManySteps);
    }
}

#[test]
fn comparing_is_counted() {
    let names: Vec<Value> = (0..3_000).map(|n| json!({"family": format!("a{n}")})).collect();
    let many = json!({"resourceType": "Patient", "name": names});
    let too_many = Err(fhirpath::FhirpathError::TooManySteps);
    for expression in ["name ~ name.tail().combine(name.first())", "name !~ name.skip(1500).combine(name.take(1500))"] {
        assert_eq!(evaluate(&many, expression), too_many, "{expression}");
    }
    assert_eq!(evaluate(&many, "name | nothing"), too_many);
    assert_eq!(evaluate(&many, "nothing.union(%resource.name)"), too_many);
    let letters = "x".repeat(1_000);
    for expression in [
        "%resource.name = %resource.name",
        "%resource.name.family != %resource.name.family",
        "%resource.name.family = 'a'",
        "%resource.name.family < 'b'",
        "%resource.name.family in 'b'",
        "%resource.name.family ~ 'b'",
        "'a'.startsWith(%resource.name.family)",
        "%resource.name.family.toInteger()",
        "where(%resource.name.family = 'a')",
    ] {
        let whole = format!("'{letters}'.toChars().select({expression}).count()");
        assert_eq!(evaluate(&long_named(100_000), &whole), too_many, "{expression}");
    }
}

/// A host to which everything conforms.
struct Agreeable;

impl fhirpath::Host for Agreeable {
    fn conforms_to(&self, _: &fhirpath::Element<'_>, _: &str) -> Option<bool> {
        Some(true)
    }
}

#[test]
fn a_validation_counts_for_many_steps() {
    let document = fhir::Json::from_value(&long_named(10));
    let context = fhirpath::Context::new(document.root(), crate::evaluate::definitions(), &Agreeable);
    let focus = fhirpath::Value::Node(fhirpath::Element::new(document.root(), None, crate::evaluate::definitions()));
    let often = |count: usize| {
        let letters = "x".repeat(count);
        let text = format!("'{letters}'.toChars().select(%resource.conformsTo('urn:a')).count()");
        fhirpath::Expression::parse(&text).expect("it is well formed").evaluate(&focus, &context)
    };
    assert!(often(20).is_ok());
    assert!(often(1_000).is_err());
}
