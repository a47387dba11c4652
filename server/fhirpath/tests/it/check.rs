//! What is wrong with an expression before any resource is looked at.

use fhirpath::Expression;

use crate::evaluate::definitions;

fn check(type_name: &str, source: &str) -> Result<(), String> {
    Expression::parse(source).unwrap().check(type_name, definitions()).map_err(|error| error.to_string())
}

#[test]
fn slips_are_told_with_their_place() {
    for (type_name, source, expected) in [
        ("Patient", "name.given1", "offset 5: `given1` is not an element of HumanName"),
        ("Patient", "Encounter.name", "offset 0: `Encounter` is not an element of Patient"),
        ("Patient", "name.where(usage = 'official')", "offset 11: `usage` is not an element of HumanName"),
        ("Patient", "contact.select(name.first)", "offset 20: `first` is not an element of HumanName"),
        ("Patient", "1.foo", "offset 2: `foo` is not an element of Integer"),
        ("Patient", "name.text.foo", "offset 10: `foo` is not an element of string"),
        ("Observation", "valueQuantity.unit", "offset 0: `valueQuantity` is not an element of Observation"),
        ("Observation", "(value as Period).unit", "offset 18: `unit` is not an element of Period"),
        ("Observation", "value.ofType(quantity)", "offset 6: type `quantity` is not known"),
        ("Observation", "value is FHIR.Nothing", "offset 6: type `Nothing` is not known"),
        ("Patient", "identifier.startsWith('a')", "offset 11: `startsWith` takes a text"),
        ("Patient", "iif('a', 1, 2)", "offset 0: the criterion of `iif` is not a boolean"),
        ("Patient", "children().first()", "offset 11: children come in no order: `first` means nothing on them"),
        ("Patient", "children()[0]", "offset 10: children come in no order: `[]` means nothing on them"),
        ("Questionnaire", "repeat(item).nothing", "offset 13: `nothing` is not an element of BackboneElement"),
        ("Patient", "%resource.nam", "offset 10: `nam` is not an element of Patient"),
        ("Patient", "Patient.nam | Practitioner.name", "offset 8: `nam` is not an element of Patient"),
    ] {
        assert_eq!(check(type_name, source), Err(expected.to_owned()), "{source}");
    }
}

#[test]
fn what_cannot_be_told_is_let_pass() {
    for (type_name, source) in [
        ("Patient", "Patient.name.given | Practitioner.name.nothing | Practitioner.name"),
        ("Patient", "Resource.id | DomainResource.text.status"),
        ("Patient", "contained.anything.at.all"),
        ("Bundle", "Bundle.entry.resource.ofType(Patient).name.given"),
        ("Observation", "subject.resolve().name.family"),
        ("Observation", "value.unit | value.coding.code"),
        ("Observation", "component.value.ofType(Quantity).value > 5"),
        ("Patient", "birthDate.extension('urn:a').value.ofType(dateTime)"),
        ("Patient", "name.family.extension.url"),
        ("Patient", "birthDate.value"),
        ("Patient", "name.defineVariable('n').select(%n.anything)"),
        ("Patient", "(1 'mg').value | 1.type().name"),
        ("Patient", "descendants().where(anything).count()"),
        ("Questionnaire", "repeat(item).where(type = 'group').item.linkId"),
        ("ValueSet", "expansion.repeat(contains).code.first()"),
        ("Patient", "name.aggregate($total.anything & family, '')"),
        ("Patient", "iif(active, name, contact.name).family"),
        ("Nonsense", "anything.at.all"),
    ] {
        assert_eq!(check(type_name, source), Ok(()), "{source}");
    }
}

/// Invariants of R4 that its own element table contradicts: a ChargeItemDefinition has no name.
const WRONG_IN_R4: [&str; 1] = ["cid-0 on ChargeItemDefinition"];

#[test]
fn every_expression_of_r4_has_a_meaning_on_its_type() {
    let mut count = 0;
    let mut wrong = Vec::new();
    let mut look = |type_name: &str, key: &str, source: &str| {
        if !source.is_empty() {
            count += 1;
            if let Err(error) = check(type_name, source) {
                wrong.push(format!("{key} on {type_name}: {error} in {source}"));
            }
        }
    };
    for found in definitions().types() {
        found.constraints.iter().for_each(|rule| look(&found.name, &rule.key, &rule.expression));
        let mut elements: Vec<_> = found.elements.iter().collect();
        while let Some(element) = elements.pop() {
            elements.extend(&element.children);
            if let ([of_type], []) = (element.types.as_slice(), element.children.as_slice()) {
                element.constraints.iter().for_each(|rule| look(&of_type.code, &rule.key, &rule.expression));
            }
        }
    }
    for parameter in definitions().search_parameters() {
        for base in &parameter.base {
            look(base, &parameter.code, parameter.expression.as_deref().unwrap_or_default());
        }
    }
    wrong.retain(|line| !WRONG_IN_R4.iter().any(|known| line.starts_with(known)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 2500, "{count}");
}

#[test]
fn long_expressions_are_checked_within_the_stack() {
    for source in [
        format!("1{}", "+1".repeat(390)),
        format!("name{}", ".first()".repeat(190)),
        format!("name{}", " | name".repeat(390)),
        format!("name{}", ".where(use = 'a')".repeat(85)),
        format!("{}1{}", "iif(true, ".repeat(40), ")".repeat(40)),
    ] {
        assert_eq!(check("Patient", &source), Ok(()), "{source:.40}");
    }
}
