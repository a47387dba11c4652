//! Behaviour of the terminology, through its public interface.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod costs;

use std::sync::Arc;

use definitions::Definitions;
use serde_json::{Value, json};
use terminology::{Membership, NotListed, Terminology};

fn terminology(resources: Vec<Value>) -> Terminology {
    let base = Definitions::r4().expect("the base definitions load");
    Terminology::new(Arc::new(base.with_overlay(resources).expect("the definitions can be added")))
}

fn value_set(name: &str, compose: Value) -> Value {
    json!({"resourceType": "ValueSet", "url": format!("http://test/{name}"), "status": "active", "compose": compose})
}

fn animals() -> Value {
    json!({"resourceType": "CodeSystem", "url": "http://test/animals", "status": "active", "content": "complete",
        "caseSensitive": false, "hierarchyMeaning": "is-a", "concept": [
            {"code": "animal", "display": "Animal", "concept": [{"code": "dog", "concept": [{"code": "puppy"}]}, {"code": "cat"}]}]})
}

#[test]
fn published_value_sets_are_known() {
    let terminology = terminology(Vec::new());
    let check = |set: &str, system: Option<&str>, code: &str| {
        terminology.check(&format!("http://hl7.org/fhir/ValueSet/{set}"), system, code)
    };
    assert_eq!(check("administrative-gender", None, "male"), Membership::Member);
    assert_eq!(check("administrative-gender|4.0.1", None, "Male"), Membership::NotMember);
    let clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    assert_eq!(check("condition-clinical", Some(clinical), "active"), Membership::Member);
    assert_eq!(check("condition-clinical", Some("http://snomed.info/sct"), "active"), Membership::NotMember);
    assert!(matches!(check("no-such-set", None, "x"), Membership::NotChecked { .. }));
    assert_eq!(check("languages", Some("urn:ietf:bcp:47"), "en-GB"), Membership::Member);
    assert_eq!(check("all-languages", Some("urn:ietf:bcp:47"), "cy"), Membership::Member);
    assert_eq!(check("all-languages", Some("urn:ietf:bcp:47"), "not a language"), Membership::NotMember);
    assert_eq!(check("ucum-units", Some("http://unitsofmeasure.org"), "mm[Hg]"), Membership::Member);
    assert_eq!(check("mimetypes", None, "application/pdf"), Membership::Member);
    let snomed = check("condition-code", Some("http://snomed.info/sct"), "38341003");
    assert_eq!(snomed, Membership::NotChecked { missing: "http://snomed.info/sct".to_owned() });
    assert_eq!(terminology.lookup(clinical, "active").and_then(|found| found.text), Some("Active"));
    assert_eq!(terminology.check_code(clinical, "alive"), Membership::NotMember);
}

#[test]
fn codes_that_no_definition_lists_are_judged_by_form_or_table() {
    let definitions = Definitions::r4().expect("the base definitions load");
    let terminology = terminology(Vec::new());
    // What R4's own value sets list is right by our rules.
    for set in ["ucum-common", "languages", "iso3166-1-2"] {
        let set = definitions.value_set(&format!("http://hl7.org/fhir/ValueSet/{set}")).expect("known");
        let include = set.include.first().expect("it includes");
        let system = include.system.as_deref().expect("of a system");
        let is_wrong = |code: &&str| terminology.check_code(system, code) != Membership::Member;
        let wrong: Vec<&str> = include.concepts.iter().map(|one| one.code.as_str()).filter(is_wrong).collect();
        assert!(include.concepts.len() > 50 && wrong.is_empty(), "{system}: {wrong:?}");
    }
    let (ucum, bcp47, bcp13) = ("http://unitsofmeasure.org", "urn:ietf:bcp:47", "urn:ietf:bcp:13");
    let (countries, currencies) = ("urn:iso:std:iso:3166", "urn:iso:std:iso:4217");
    for (system, right, wrong) in [
        (
            ucum,
            vec!["mm[Hg]", "/min", "%", "{score}", "10*9/L", "mmol/L", "Cel", "kg/m2"],
            vec!["", "mg/", "{a", "a}", "{é}", "mmHg]", "per minute", "bananas"],
        ),
        (
            bcp47,
            vec!["en", "en-GB", "cy", "zh-Hant-TW", "x-private", "i-klingon", "gsw"],
            vec!["", "xx", "e", "en_GB", "en--GB", "not a language"],
        ),
        (
            bcp13,
            vec!["text/plain", "application/fhir+json; charset=utf-8", "json"],
            vec!["", "text", "text/", "/plain", "te xt/plain"],
        ),
        (countries, vec!["GB", "GBR", "826", "AX"], vec!["", "UK", "gb", "XX", "GBX", "000"]),
        (currencies, vec!["GBP", "EUR", "XAU", "HRK"], vec!["", "gbp", "ABC", "GBP "]),
    ] {
        right
            .iter()
            .for_each(|code| assert_eq!(terminology.check_code(system, code), Membership::Member, "{system} {code}"));
        wrong.iter().for_each(|code| {
            assert_eq!(terminology.check_code(system, code), Membership::NotMember, "{system} `{code}`")
        });
    }
}

#[test]
fn a_version_of_a_value_set_is_told_from_another() {
    let set = |version: &str, code: &str| {
        let compose = json!({"include": [{"system": "http://test/any", "concept": [{"code": code}]}]});
        let mut set = value_set("versioned", compose);
        set["version"] = version.into();
        set
    };
    let both = json!({"include": [{"valueSet": ["http://test/versioned|1"]}, {"valueSet": ["http://test/versioned"]}]});
    let terminology = terminology(vec![set("1", "old"), set("2", "new"), value_set("both", both)]);
    let check = |url: &str, code: &str| terminology.check(&format!("http://test/{url}"), Some("http://test/any"), code);
    for (url, member, other) in
        [("versioned", "new", "old"), ("versioned|1", "old", "new"), ("versioned|2", "new", "old")]
    {
        assert_eq!((check(url, member), check(url, other)), (Membership::Member, Membership::NotMember), "{url}");
    }
    assert_eq!((check("both", "old"), check("both", "new")), (Membership::Member, Membership::Member));
    assert_eq!(terminology.members("http://test/both").map(|codes| codes.len()), Ok(2));
    // Of one that is not known, the one that is.
    assert_eq!(check("versioned|3", "new"), Membership::Member);
}

#[test]
fn compose_rules_are_followed() {
    let system = "http://test/animals";
    let filter = |op: &str, value: &str| json!({"system": system, "filter": [{"property": "concept", "op": op, "value": value}]});
    let terminology = terminology(vec![
        animals(),
        value_set("dogs", json!({"include": [filter("is-a", "dog")]})),
        value_set("below-dog", json!({"include": [filter("descendent-of", "dog")]})),
        value_set("no-dogs", json!({"include": [{"system": system}], "exclude": [{"valueSet": ["http://test/dogs"]}]})),
        value_set("listed", json!({"include": [{"system": system, "concept": [{"code": "cat"}]}]})),
        value_set("strange", json!({"include": [filter("child-of", "dog")]})),
        value_set("circle", json!({"include": [{"valueSet": ["http://test/circle"]}]})),
    ]);
    let check = |set: &str, code: &str| terminology.check(&format!("http://test/{set}"), Some(system), code);
    for (set, members, others) in [
        ("dogs", vec!["dog", "puppy", "PUPPY"], vec!["cat", "animal", "fish"]),
        ("below-dog", vec!["puppy"], vec!["dog", "cat"]),
        ("no-dogs", vec!["cat", "animal"], vec!["dog", "puppy", "fish"]),
        ("listed", vec!["cat", "CAT"], vec!["dog"]),
    ] {
        members.iter().for_each(|code| assert_eq!(check(set, code), Membership::Member, "{set} {code}"));
        others.iter().for_each(|code| assert_eq!(check(set, code), Membership::NotMember, "{set} {code}"));
    }
    for set in ["strange", "circle"] {
        assert!(matches!(check(set, "dog"), Membership::NotChecked { .. }), "{set}");
    }
}

#[test]
fn members_are_listed_where_they_are_all_known() {
    let system = "http://test/animals";
    let include = |filter: Value| json!({"include": [{"system": system, "filter": [filter]}]});
    let terminology = terminology(vec![
        animals(),
        value_set("dogs", include(json!({"property": "concept", "op": "is-a", "value": "dog"}))),
        value_set("no-dogs", json!({"include": [{"system": system}], "exclude": [{"valueSet": ["http://test/dogs"]}]})),
        value_set("imported", json!({"include": [{"valueSet": ["http://test/dogs"]}]})),
        value_set("circle", json!({"include": [{"valueSet": ["http://test/circle"]}]})),
        value_set("snomed", json!({"include": [{"system": "http://snomed.info/sct"}]})),
    ]);
    let codes = |set: &str| {
        let members = terminology.members(&format!("http://test/{set}"));
        members.map(|members| members.into_iter().map(|(_, code)| code).collect::<Vec<_>>())
    };
    assert_eq!(codes("dogs"), Ok(vec!["dog".to_owned(), "puppy".to_owned()]));
    assert_eq!(codes("imported|1.0"), codes("dogs"));
    assert_eq!(codes("no-dogs"), Ok(vec!["animal".to_owned(), "cat".to_owned()]));
    assert_eq!(codes("snomed"), Err(NotListed::Open("http://snomed.info/sct".to_owned())));
    assert!(matches!(codes("circle"), Err(NotListed::Unknown(_))));
    assert!(matches!(codes("nothing"), Err(NotListed::Unknown(_))));
    assert_eq!(terminology.below(system, "dog"), Ok(vec!["dog".to_owned(), "puppy".to_owned()]));
    assert_eq!(terminology.above(system, "dog"), Ok(vec!["animal".to_owned(), "dog".to_owned()]));
    assert!(terminology.below("http://snomed.info/sct", "1").is_err());
}

#[test]
fn every_filter_of_the_standard_is_on_a_property_that_there_is() {
    let definitions = Definitions::r4().expect("the base definitions load");
    let sets = definitions.value_set_urls().filter_map(|url| definitions.value_set(url));
    let mut count = 0;
    for part in sets.flat_map(|set| set.include.iter().chain(&set.exclude)) {
        let system = part.system.as_deref().and_then(|url| definitions.code_system(url));
        let Some(system) = system.filter(|system| system.is_complete()) else { continue };
        for filter in &part.filters {
            count += 1;
            assert!(system.has_property(&filter.property), "{}: {}", system.url, filter.property);
        }
    }
    assert!(count > 50, "{count}");
}
