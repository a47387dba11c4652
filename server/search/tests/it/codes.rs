//! Modifiers that a terminology service answers, and those on URIs and identifiers.

use search::{Codes, CodesError, Condition, Filter, FilterValue, Limits, Modifier, Options};
use serde_json::json;

use crate::{check_matches, condition, read_with, refused};

#[derive(Debug)]
struct Service;

impl Codes for Service {
    fn value_set(&self, url: &str) -> Result<Vec<(Option<String>, String)>, CodesError> {
        match url {
            "http://vs/two" | "ValueSet/two" => Ok(vec![(Some("urn:s".into()), "a".into()), (None, "b".into())]),
            "http://vs/none" => Ok(Vec::new()),
            "http://vs/genders" => Ok(vec![(Some("http://hl7.org/fhir/administrative-gender".into()), "male".into())]),
            "http://vs/huge" => Err(CodesError::TooMany),
            "http://vs/sct" => Err(CodesError::NotListed("its code system is not loaded")),
            _ => Err(CodesError::Unknown),
        }
    }

    fn below(&self, _system: &str, code: &str) -> Result<Vec<String>, CodesError> {
        Ok(vec![code.into(), format!("{code}1"), format!("{code}2")])
    }

    fn above(&self, _system: &str, code: &str) -> Result<Vec<String>, CodesError> {
        Ok(vec![code.into(), "root".into()])
    }
}

fn options() -> Options<'static> {
    Options { terminology: Some(&Service), ..Options::default() }
}

fn filter(type_name: &str, query: &str) -> Filter {
    let mut read = read_with(type_name, query, &options()).unwrap_or_else(|issues| panic!("{query}: {issues:?}"));
    let Condition::Filter(filter) = read.conditions.remove(0) else { panic!("{query}") };
    filter
}

fn message(query: &str) -> (&'static str, String) {
    let issue = read_with("Observation", query, &options()).unwrap_err().remove(0);
    (issue.code, issue.diagnostics)
}

fn token(system: Option<Option<&str>>, code: &str) -> FilterValue {
    FilterValue::Token { system: system.map(|s| s.map(Into::into)), code: Some(code.into()) }
}

#[test]
fn value_sets_become_their_codes() {
    let expected = [token(Some(Some("urn:s")), "a"), token(None, "b")];
    let found = filter("Observation", "code:in=http://vs/two");
    assert_eq!((found.modifier, found.values.as_slice()), (Modifier::None, expected.as_slice()));
    assert_eq!(filter("Observation", "code:in=ValueSet/two,http://vs/none").values, expected);
    assert_eq!(filter("Observation", "code:not-in=http://vs/two").modifier, Modifier::Not);
    assert_eq!(filter("Observation", "code:in=http://vs/none").values, []);
    assert_eq!(
        filter("Patient", "gender:in=http://vs/genders").values,
        [token(Some(None), "male")],
        "as it is indexed"
    );
}

#[test]
fn hierarchies_become_their_codes() {
    let in_s = |code| token(Some(Some("urn:s")), code);
    assert_eq!(filter("Observation", "code:below=urn:s|a").values, [in_s("a"), in_s("a1"), in_s("a2")]);
    assert_eq!(filter("Observation", "code:above=urn:s|a").values, [in_s("a"), in_s("root")]);
    let in_filter = filter("Observation", "_filter=code ss urn:s|a").values;
    assert_eq!(in_filter, [in_s("a"), in_s("a1"), in_s("a2")]);
    assert_eq!(filter("Observation", "_filter=code ni http://vs/two").modifier, Modifier::Not);
}

#[test]
fn what_cannot_be_expanded_is_said() {
    assert_eq!(
        message("code:in=http://vs/secret").1,
        "`code:in`: the value set cannot be expanded: it is not known here"
    );
    assert_eq!(
        message("code:not-in=http://vs/sct").1,
        "`code:not-in`: the value set cannot be expanded: its code system is not loaded"
    );
    assert_eq!(message("code:in=http://vs/huge").0, "too-costly");
    assert!(message("code:below=a").1.contains("`system|code`"));
    assert!(refused("Observation", "code:in=http://vs/two").contains("terminology service"));
    let limits = Limits { values_total_max: 2, ..Limits::default() };
    let few = Options { limits, ..options() };
    assert_eq!(read_with("Observation", "code:below=urn:s|a", &few).unwrap_err()[0].code, "too-costly");
}

#[test]
fn uris_have_paths_above_and_below() {
    let uri = |text: &str| FilterValue::Uri(text.into());
    let found = filter("ValueSet", "url:above=http://a.example/b/c");
    assert_eq!(found.modifier, Modifier::None);
    assert_eq!(found.values, [uri("http://a.example"), uri("http://a.example/b"), uri("http://a.example/b/c")]);
    let set = json!({"resourceType": "ValueSet", "url": "http://a.example/fhir/ValueSet/1"});
    check_matches(
        &set,
        &[
            ("url:below=http://a.example/fhir/", true),
            ("url:below=http://a.example/fhir", true),
            ("url:below=http://a.example/fh", false),
            ("url:above=http://a.example/fhir/ValueSet/1/_history/5", true),
            ("url=http://a.example/fhir", false),
        ],
    );
    assert!(refused("ValueSet", "url:below=urn:oid:1.2").contains("url"));
    assert!(refused("ValueSet", "url:above=urn:oid:1.2").contains("url"));
}

#[test]
fn identifiers_are_found_under_their_type() {
    let patient = json!({"resourceType": "Patient", "identifier": [{"value": "A1", "system": "urn:s",
        "type": {"coding": [{"system": "urn:t", "code": "MR"}, {"code": "XX"}], "text": "Hospital no"}}]});
    check_matches(
        &patient,
        &[
            ("identifier:of-type=urn:t|MR|A1", true),
            ("identifier:of-type=urn:t|MR|A2", false),
            ("identifier:of-type=urn:t|XX|A1", false),
            ("identifier:of-type=urn:u|MR|A1", false),
            ("identifier:text=hospital", true),
            ("identifier=urn:s|A1", true),
        ],
    );
    assert!(refused("Patient", "identifier:of-type=urn:t|MR").contains("all three"));
    assert!(refused("Patient", "identifier:of-type=|MR|A1").contains("all three"));
}

#[test]
fn each_kind_has_its_own_modifiers() {
    for (type_name, query) in [
        ("Patient", "name:below=x"),
        ("Patient", "name:not=x"),
        ("Patient", "birthdate:exact=2000"),
        ("Patient", "gender:contains=x"),
        ("Patient", "organization:text=x"),
        ("Location", "partof:below=x"),
        ("RiskAssessment", "probability:not=1"),
        ("Observation", "value-quantity:above=1"),
        ("Observation", "code-value-quantity:missing=true"),
        ("Location", "near:exact=1|2"),
        ("ValueSet", "url:contains=x"),
        ("Patient", "_id:missing=true"),
        ("Patient", "organization:Nothing=x"),
        ("Patient", "name:=x"),
    ] {
        assert!(refused(type_name, query).contains("is not supported for search parameter"), "{query}");
    }
    for query in
        ["name:missing=false", "birthdate:missing=true", "organization:missing=true", "identifier:missing=true"]
    {
        assert!(matches!(
            condition("Patient", query),
            Condition::Filter(Filter { modifier: Modifier::Missing(_), .. })
        ));
    }
}
