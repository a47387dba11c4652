//! References by their text, and ids.

use fhir::{FhirId, Reference};

fn relative(type_name: &str, id: &str, version: Option<&str>) -> Reference {
    Reference::Relative { type_name: type_name.into(), id: id.into(), version: version.map(str::to_owned) }
}

#[test]
fn reference_is_taken_apart() {
    let check = |text: &str, expected: Reference| assert_eq!(Reference::parse(text), expected, "{text}");
    check("Patient/1", relative("Patient", "1", None));
    check("Patient/a-b.c/_history/2", relative("Patient", "a-b.c", Some("2")));
    check("#med", Reference::Fragment("med".into()));
    check("#", Reference::Fragment(String::new()));
    check("urn:uuid:0c3151bd", Reference::Urn("urn:uuid:0c3151bd".into()));
    check(
        "https://example.org/fhir/Patient/1/_history/3",
        Reference::Absolute {
            base: "https://example.org/fhir".into(),
            type_name: "Patient".into(),
            id: "1".into(),
            version: Some("3".into()),
            url: "https://example.org/fhir/Patient/1/_history/3".into(),
        },
    );
    check(
        "Patient?identifier=s|v",
        Reference::Conditional { type_name: "Patient".into(), query: "identifier=s|v".into() },
    );
    for other in
        ["", "Patient", "Patient/", "/Patient/1", "patient/1", "Patient/a b", "https://example.org/x?y", "Patient/1/"]
    {
        check(other, Reference::Other(other.into()));
    }
}

#[test]
fn id_has_its_alphabet_and_length() {
    assert!(FhirId::parse("A-z.09").is_some());
    assert!(FhirId::parse(&"a".repeat(64)).is_some());
    for text in ["", "a_b", "a/b", "é", &"a".repeat(65)] {
        assert!(FhirId::parse(text).is_none(), "{text}");
    }
}
