//! `_include`, `_revinclude`, searches over several types, and what shapes their answer.

use search::{Include, Limits, Options, Query, parse_types, types_of};

use crate::{read, read_with, refused, registry};

fn include(type_name: &str, query: &str) -> Include {
    read(type_name, query).unwrap_or_else(|issues| panic!("{query}: {issues:?}")).includes.remove(0)
}

fn param(type_name: &str, code: &str) -> u32 {
    registry().param(type_name, code).unwrap().id
}

#[test]
fn includes_are_read_in_all_forms() {
    let found = include("Observation", "_include=Observation:subject:Patient");
    let expected = Include {
        source_type: "Observation".into(),
        params: vec![param("Observation", "subject")],
        target_type: Some("Patient".into()),
        is_reverse: false,
        is_iterated: false,
    };
    assert_eq!(found, expected);
    let all = include("Observation", "_include=*");
    assert_eq!(all, include("Observation", "_include=Observation:*"));
    assert!(all.params.contains(&param("Observation", "encounter")) && all.params.len() > 8);
    let reverse = include("Patient", "_revinclude=Provenance:target");
    assert!(reverse.is_reverse && reverse.source_type == "Provenance");
    assert!(include("Observation", "_include:iterate=Patient:general-practitioner").is_iterated);
    assert!(!include("Patient", "_revinclude=Observation:*").params.is_empty());
}

#[test]
fn includes_that_can_give_nothing_are_refused() {
    for (query, expected) in [
        ("_include=Patient:zzz", "`zzz`"),
        ("_include=Patient:name", "refers to nothing"),
        ("_include=Nothing:name", "`Nothing`"),
        ("_include=Patient", "`Type:parameter`"),
        ("_include=Patient:organization:Patient", "does not refer to Patient"),
        ("_include=Observation:subject", "`_include:iterate`"),
        ("_include:recurse=Patient:organization", "`_include:iterate` in R4"),
        ("_include:other=Patient:organization", "`other`"),
        ("_revinclude=*", "`Type:*`"),
        ("_revinclude=Observation:encounter", "does not refer to Patient"),
    ] {
        let message = refused("Patient", query);
        assert!(message.contains(expected), "{query}: {message}");
    }
    let limits = Limits { includes_max: 3, ..Limits::default() };
    let issues = read_with("Observation", "_include=*", &Options { limits, ..Options::default() }).unwrap_err();
    assert_eq!(issues[0].code, "too-costly");
}

fn types(types: &[&str], query: &str) -> Result<Vec<Query>, Vec<fhir::Issue>> {
    let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    let params: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    parse_types(&types, &params, registry(), &Options::default())
}

#[test]
fn several_types_are_searched_at_once() {
    let found = types(
        &["Patient", "Practitioner"],
        "_type=Patient,Practitioner&name=a&_sort=_id&_elements=birthDate,multipleBirth",
    )
    .unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].type_name.as_str(), found[1].type_name.as_str()), ("Patient", "Practitioner"));
    assert_eq!(found[0].elements, ["birthDate", "multipleBirth"]);
    assert_eq!(found[1].elements, ["birthDate"]);
    assert!(
        found.iter().all(|query| query.conditions.len() == 1 && query.sort.len() == 1 && query.self_params.len() == 4)
    );
    let issues = types(&["Patient", "Encounter"], "birthdate=2000").unwrap_err();
    assert!(issues[0].diagnostics.contains("not defined for Encounter"));
    let found = types(&["Patient", "Encounter"], "_include=Encounter:subject").unwrap();
    assert_eq!((found[0].includes.len(), found[1].includes.len()), (0, 1));
    assert!(types(&["Patient"], "_type=Encounter").is_err());
    assert!(types(&["Patient"], "_type=Patient").is_ok());
    assert!(types(&[], "_id=a").is_err());
}

#[test]
fn many_types_do_not_multiply_the_memory_of_a_search() {
    let all: Vec<&str> = registry().definitions().resource_types().iter().map(String::as_str).collect();
    assert!(types(&all, "_lastUpdated=gt2020&_tag=a,b&_profile=http://a&_source=b&_id=c").is_ok());
    let many = vec!["x"; 100].join(",");
    assert_eq!(types(&all, &format!("_tag={many}")).unwrap_err()[0].code, "too-costly");
    let long = "x".repeat(60_000);
    let query = format!("_tag={long}&_tag={long}&_tag={long}&_tag={long}&_tag={long}");
    assert!(types(&["Patient"], &query).unwrap_err()[0].diagnostics.contains("bytes"));
}

#[test]
fn the_types_of_a_search_are_read_first() {
    let of = |value: &str| types_of(&[("_type".to_owned(), value.to_owned())], registry());
    assert_eq!(types_of(&[], registry()).unwrap(), None);
    assert_eq!(of("Patient,Encounter,Patient").unwrap(), Some(vec!["Patient".to_owned(), "Encounter".to_owned()]));
    assert!(of("Patient,Nothing").unwrap_err()[0].diagnostics.contains("`Nothing`"));
    assert!(of("").is_err());
}

#[test]
fn only_what_has_an_order_sorts() {
    for query in ["_sort=code-value-quantity", "_sort=-zzz", "_sort=name,"] {
        assert!(refused("Observation", query).contains("`_sort`"), "{query}");
    }
    assert!(refused("Location", "_sort=near").contains("no order"));
    assert!(refused("Patient", &format!("_sort={}", ["name"; 11].join(","))).contains("at most 10"));
    assert_eq!(read("Observation", "_sort=-date,code,value-quantity,_lastUpdated").unwrap().sort.len(), 4);
}

#[test]
fn a_count_of_zero_asks_for_the_total_whatever_the_order() {
    for query in ["_count=0&_summary=true", "_summary=true&_count=0"] {
        assert_eq!(read("Patient", query).unwrap().summary, search::Summary::Count);
    }
}
