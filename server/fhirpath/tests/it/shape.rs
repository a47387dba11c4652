//! What can be told of an expression by its form.

use fhirpath::Expression;

/// `a.b:T`: the steps, with their types.
fn strides(source: &str) -> Option<String> {
    let expression = Expression::parse(source).unwrap();
    let shown = expression.strides()?.into_iter().map(|stride| match stride.of_type {
        Some(of_type) => format!("{}:{of_type}", stride.name),
        None => stride.name.to_owned(),
    });
    Some(shown.collect::<Vec<_>>().join("."))
}

#[test]
fn paths_are_told_from_what_has_to_be_evaluated() {
    for (source, expected) in [
        ("Patient.name.given", Some("name.given")),
        ("Patient", Some("")),
        ("(Observation.value as Quantity)", Some("value:Quantity")),
        ("Observation.value.as(CodeableConcept).text", Some("value:CodeableConcept.text")),
        ("value.ofType(string)", Some("value:string")),
        ("Patient.telecom.where(system='email')", None),
        ("Patient.deceased.exists()", None),
        ("Bundle.entry[0].resource", None),
        ("%resource.name", None),
        ("a | b", None),
        ("Observation as Quantity", None),
        ("value as System.String", None),
    ] {
        assert_eq!(strides(source).as_deref(), expected, "{source}");
    }
}

#[test]
fn an_expression_tells_the_member_that_it_needs() {
    for (source, expected) in [
        ("Patient.name.given", Some("name")),
        ("Patient.telecom.where(system='email').value", Some("telecom")),
        ("Observation.subject.where(resolve() is Patient)", Some("subject")),
        ("Bundle.entry[0].resource", Some("entry")),
        ("(Observation.value as Quantity)", Some("value")),
        ("Patient.deceased.exists()", None),
        ("Patient.deceased.exists() and Patient.deceased != false", None),
        ("Patient.name.count()", None),
        ("%resource.name", None),
        ("Patient", None),
    ] {
        assert_eq!(Expression::parse(source).unwrap().opening_member(), expected, "{source}");
    }
}
