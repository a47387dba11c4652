//! All R4 search parameters compile, and their numbers are stable and apart.

use std::collections::HashSet;

use definitions::{Definitions, SearchComponent, SearchParameterDef};
use search::{Condition, Kind, Registry, param_id};
use serde_json::json;

use crate::registry;

#[test]
fn every_r4_parameter_compiles() {
    assert_eq!(registry().faults(), &[] as &[String]);
}

#[test]
fn numbers_are_stable_and_do_not_collide() {
    let definitions = Definitions::r4().unwrap();
    let urls: HashSet<&str> = definitions.search_parameters().iter().map(|p| p.url.as_str()).collect();
    let ids: HashSet<u32> = urls.iter().map(|url| param_id(url)).collect();
    assert_eq!(ids.len(), urls.len());
    // A change here would orphan every index row.
    assert_eq!(param_id("http://hl7.org/fhir/SearchParameter/individual-birthdate"), 2_143_309_754);
}

#[test]
fn base_parameters_apply_to_every_type() {
    for type_name in ["Patient", "Binary", "Bundle", "Observation"] {
        for code in ["_id", "_lastUpdated", "_profile", "_tag", "_security", "_source"] {
            assert!(registry().param(type_name, code).is_some(), "{type_name} {code}");
        }
    }
}

#[test]
fn parameters_know_their_kind_and_targets() {
    let patient = registry().param("Observation", "patient").unwrap();
    assert_eq!(patient.kind, Kind::Reference);
    assert_eq!(registry().by_id(patient.id), Some(patient));
    assert!(registry().param("Patient", "patient").is_none());
    let composite = registry().param("Observation", "code-value-quantity").unwrap();
    let kinds: Vec<Kind> = composite.components.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [Kind::Token, Kind::Quantity]);
    assert!(registry().is_unsupported("Observation", "_query"));
}

#[test]
fn every_r4_parameter_has_a_working_expression() {
    let definitions = Definitions::r4().unwrap();
    let mut idle = Vec::new();
    for definition in definitions.search_parameters() {
        let Some(source) = &definition.expression else {
            idle.push(definition.code.as_str());
            continue;
        };
        for base in &definition.base {
            let is_of = |name: &&String| definitions.is_subtype(name, base);
            let types: Vec<&String> = definitions.resource_types().iter().filter(is_of).collect();
            for type_name in types {
                assert!(registry().param(type_name, &definition.code).is_some(), "{type_name}.{}", definition.code);
            }
        }
        for alternative in fhirpath::Expression::parse(source).unwrap().alternatives() {
            let Some(path) = alternative.plain_path().filter(|path| path.contains('.')) else { continue };
            let (type_name, rest) = path.split_once('.').unwrap();
            assert!(leads_somewhere(&definitions, type_name, rest), "{}: {path}", definition.url);
        }
    }
    idle.sort_unstable();
    idle.dedup();
    let reasons = [
        ("_content", "read by the parser"),
        ("_filter", "read by the parser"),
        ("_query", "refused: there are no named queries"),
        ("_text", "read by the parser"),
        ("age", "R4 gives no FHIRPath for it"),
        ("author", "R4 gives neither a base nor FHIRPath for it (an extension of CodeSystem and ValueSet)"),
        ("birthOrderBoolean", "R4 gives no FHIRPath for it"),
        ("effective", "as `author`"),
        ("end", "as `author`"),
        ("keyword", "as `author`"),
        ("workflow", "as `author`"),
    ];
    assert_eq!(idle, reasons.map(|(code, _)| code));
    assert!(registry().is_unsupported("Patient", "age") && registry().is_unsupported("Patient", "_query"));
}

fn leads_somewhere(definitions: &Definitions, type_name: &str, path: &str) -> bool {
    if definitions.element(&format!("{type_name}.{path}")).is_some() {
        return true;
    }
    // A datatype goes on where the element table of the resource ends.
    path.match_indices('.').any(|(at, _)| {
        let element = definitions.element(&format!("{type_name}.{}", &path[..at]));
        element
            .is_some_and(|element| element.types.iter().any(|t| leads_somewhere(definitions, &t.code, &path[at + 1..])))
    })
}

fn extra(url: &str, code: &str, kind: &str, expression: &str) -> SearchParameterDef {
    SearchParameterDef {
        url: url.into(),
        code: code.into(),
        base: vec!["Patient".into()],
        kind: kind.into(),
        expression: Some(expression.into()),
        ..SearchParameterDef::default()
    }
}

#[test]
fn posted_parameters_are_like_any_other() {
    let definitions = Definitions::r4().unwrap();
    let eyes = extra("urn:x:eyes", "eyes", "token", "Patient.extension.where(url = 'urn:eyes').value as code");
    let names = SearchParameterDef {
        components: vec![
            SearchComponent { definition: "urn:x:eyes".into(), expression: "%resource.extension.value".into() },
            SearchComponent {
                definition: "http://hl7.org/fhir/SearchParameter/individual-family".into(),
                expression: "family".into(),
            },
        ],
        ..extra("urn:x:names", "eyes-name", "composite", "Patient.name")
    };
    let (registry, refused) = Registry::with(&definitions, &[eyes, names]);
    assert_eq!(refused, []);
    let patient = crate::json(json!({"resourceType": "Patient", "name": [{"family": "Grün"}],
        "extension": [{"url": "urn:eyes", "valueCode": "blue"}]}));
    for (query, expected) in [("blue", true), ("green", false)] {
        let pairs = [("eyes".to_owned(), query.to_owned())];
        let parsed = search::parse("Patient", &pairs, &registry, &search::Options::default()).unwrap();
        let Condition::Filter(filter) = &parsed.conditions[0] else { panic!() };
        assert_eq!(search::matches(filter, &search::index(&patient, &registry), &registry), expected);
    }
    let composite = registry.param("Patient", "eyes-name").unwrap().id;
    assert!(search::index(&patient, &registry).iter().any(|entry| entry.param == composite));
    assert!(registry.param("Practitioner", "eyes").is_none());
}

#[test]
fn what_finds_just_what_others_find_stands_under_them() {
    let registry = Registry::new(&Definitions::r4().unwrap());
    let mut found = Vec::new();
    for type_name in registry.definitions().resource_types() {
        for param in registry.params_of(type_name) {
            let Some(parts) = registry.parts_of(type_name, param.id) else { continue };
            let codes: Vec<_> = parts.iter().map(|id| registry.by_id(*id).unwrap().code.as_str()).collect();
            found.push(format!("{type_name}.{}: {}", param.code, codes.join(", ")));
        }
    }
    let expected = [
        "combo-code: code, component-code",
        "combo-code-value-concept: code-value-concept, component-code-value-concept",
        "combo-code-value-quantity: component-code-value-quantity, code-value-quantity",
        "combo-data-absent-reason: data-absent-reason, component-data-absent-reason",
        "combo-value-concept: component-value-concept, value-concept",
        "combo-value-quantity: value-quantity, component-value-quantity",
    ];
    assert_eq!(found, expected.map(|one| format!("Observation.{one}")));
}

#[test]
fn a_posted_path_over_many_choices_is_found_all_the_same() {
    let path = format!("Patient{}", ".extension.value".repeat(4));
    let (registry, refused) =
        Registry::with(&Definitions::r4().unwrap(), &[extra("urn:x:deep", "deep", "string", &path)]);
    assert_eq!(refused, []);
    let level = |inner: serde_json::Value| json!([{"url": "urn:e", "valueAddress": {"extension": inner}}]);
    let inner = json!([{"url": "urn:e", "valueString": "Grün"}]);
    let patient = crate::json(json!({"resourceType": "Patient", "extension": level(level(level(inner)))}));
    let deep = registry.param("Patient", "deep").unwrap().id;
    assert_eq!(search::index(&patient, &registry).iter().filter(|entry| entry.param == deep).count(), 1);
}

#[test]
fn posted_parameters_that_cannot_be_are_refused_with_the_reason() {
    let definitions = Definitions::r4().unwrap();
    let with_base = |base: &[&str], given: SearchParameterDef| SearchParameterDef {
        base: base.iter().map(|name| (*name).to_owned()).collect(),
        ..given
    };
    let good = extra("urn:x:good", "good", "string", "Patient.name");
    let component = |definition: &str| SearchComponent { definition: definition.into(), expression: "family".into() };
    let cases = [
        (extra("urn:x:1", "one", "token", "Patient.name.("), "expected"),
        (extra("urn:x:2", "birthdate", "date", "Patient.birthDate"), "already"),
        (extra("urn:x:3", "_query", "token", "Patient.active"), "its code"),
        (extra("urn:x:4", "a.b", "token", "Patient.active"), "its code"),
        (extra("urn:x:5", "five", "colour", "Patient.active"), "kind"),
        (extra("urn:x:6", "six", "special", "Patient.active"), "special"),
        (extra("urn:x:7", "seven", "token", "Encounter.status"), "finds nothing in Patient"),
        (extra("urn:x:8", "eight", "token", "Patient.colour"), "no element of Patient"),
        (extra("urn:x:80", "eighty", "token", "Patient.name.colour"), "no element of Patient"),
        (extra("urn:x:81", "eightyone", "string", "Patient.contact.name.family"), ""),
        (extra("urn:x:9", "nine", "token", "%colour"), "colour"),
        (with_base(&["Nothing"], extra("urn:x:10", "ten", "token", "Patient.active")), "`Nothing`"),
        (with_base(&[], extra("urn:x:11", "eleven", "token", "Patient.active")), "base"),
        (
            with_base(&["Patient", "Person"], extra("urn:x:12", "twelve", "token", "Patient.active")),
            "nothing in Person",
        ),
        (
            extra("http://hl7.org/fhir/SearchParameter/individual-birthdate", "born", "date", "Patient.birthDate"),
            "is taken by",
        ),
        (SearchParameterDef { expression: None, ..extra("urn:x:13", "thirteen", "token", "") }, "no expression"),
        (
            SearchParameterDef {
                components: vec![component("urn:none")],
                ..extra("urn:x:14", "fourteen", "composite", "Patient.name")
            },
            "not there",
        ),
        (
            SearchParameterDef {
                components: vec![component("http://hl7.org/fhir/SearchParameter/individual-family")],
                ..extra("urn:x:15", "fifteen", "composite", "Patient.name")
            },
            "a token and a value",
        ),
        (good.clone(), ""),
        (SearchParameterDef { url: "urn:x:16".into(), ..good }, "already"),
    ];
    let (registry, refused) = Registry::with(&definitions, &cases.clone().map(|(definition, _)| definition));
    for (definition, expected) in cases {
        let found = refused.iter().find(|refused| refused.url == definition.url);
        match found {
            Some(found) => {
                assert!(!expected.is_empty() && found.reason.contains(expected), "{found:?}, not {expected}")
            }
            None => assert_eq!(expected, "", "{} is taken", definition.url),
        }
    }
    assert!(registry.param("Patient", "good").is_some());
    assert_eq!(registry.faults(), &[] as &[String]);
}
