//! Scopes v1 and v2: parsing, spelling and narrowing.

use policy::{Context, Interaction, PolicyError, Scope, Scopes};

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

#[test]
fn malformed_scopes_are_named_and_never_guessed() {
    for text in [
        "patient/Observation.dus",
        "patient/Observation.rr",
        "patient/Observation.",
        "patient/Observation.readx",
        "patient/observation.rs",
        "Patient/Observation.rs",
        "patient/Observation",
        "patient/*",
        "patient/.rs",
        "patient/Observation.rs?",
        "patient/Observation.rs?category",
        "patient/Observation.rs?category=",
        "launch/",
        "weir/feed.",
        "everything",
        "admin/*.rs",
        "patient/Obser-vation.rs",
    ] {
        assert_eq!(Scopes::parse(text), Err(PolicyError::UnknownScope(text.to_owned())));
        let (read, unknown) = Scopes::read(text);
        assert!(read.is_empty());
        assert_eq!(unknown, [text]);
    }
}

#[test]
fn letters_mean_what_the_standard_says() {
    use Interaction as I;
    let check = |text: &str, interaction: I, expected: bool| {
        let allowed = scopes(text).allows(Context::Patient, Some("Observation"), interaction);
        assert_eq!(allowed, expected, "{text} {interaction:?}");
    };
    for (text, allowed) in [
        ("patient/Observation.r", vec![I::Read, I::Vread, I::HistoryInstance]),
        ("patient/Observation.s", vec![I::SearchType, I::HistoryType]),
        ("patient/*.c", vec![I::Create]),
        ("patient/Observation.u", vec![I::Update, I::Patch]),
        ("patient/Observation.d", vec![I::Delete]),
        ("patient/Observation.read", vec![I::Read, I::Vread, I::HistoryInstance, I::SearchType, I::HistoryType]),
        ("patient/Observation.write", vec![I::Create, I::Update, I::Patch, I::Delete]),
        (
            "patient/Observation.r patient/Observation.s",
            vec![I::Read, I::Vread, I::HistoryInstance, I::SearchType, I::HistoryType],
        ),
        ("user/Observation.cruds", vec![]),
        ("patient/Condition.cruds", vec![]),
        ("patient/Observation.cruds?category=laboratory", vec![]),
    ] {
        for interaction in [
            I::Read,
            I::Vread,
            I::HistoryInstance,
            I::HistoryType,
            I::SearchType,
            I::Create,
            I::Update,
            I::Patch,
            I::Delete,
        ] {
            check(text, interaction, allowed.contains(&interaction));
        }
    }
}

#[test]
fn narrowing_gives_what_is_allowed_in_the_spelling_that_was_asked() {
    let check = |allowed: &str, requested: &str, granted: &str, refused: &[&str]| {
        let narrowed = scopes(allowed).narrow(&scopes(requested));
        assert_eq!(narrowed.granted.to_string(), granted, "{requested} of {allowed}");
        assert_eq!(narrowed.refused, refused, "{requested} of {allowed}");
    };
    check("patient/*.rs", "patient/Observation.rs launch/patient", "patient/Observation.rs", &["launch/patient"]);
    check("patient/*.rs", "patient/*.read", "patient/*.read", &[]);
    check("patient/*.cruds", "patient/*.*", "patient/*.*", &[]);
    check("patient/*.rs", "patient/*.*", "patient/*.read", &["patient/*.*"]);
    check("patient/*.r", "patient/Observation.read", "patient/Observation.r", &["patient/Observation.read"]);
    check("patient/Observation.r patient/Observation.s", "patient/Observation.rs", "patient/Observation.rs", &[]);
    check(
        "system/Patient.rs system/Observation.r",
        "system/*.rs",
        "system/Observation.r system/Patient.rs",
        &["system/*.rs"],
    );
    check("system/*.r system/Patient.rs", "system/*.rs", "system/*.r system/Patient.rs", &["system/*.rs"]);
    check("patient/*.cruds", "user/Observation.rs", "", &["user/Observation.rs"]);
    check("patient/*.cruds", "system/*.rs", "", &["system/*.rs"]);
    check(
        "patient/*.rs",
        "patient/Observation.rs?category=laboratory",
        "",
        &["patient/Observation.rs?category=laboratory"],
    );
    check("weir/feed.*", "weir/feed.acute-hl7v2", "weir/feed.acute-hl7v2", &[]);
    check("weir/feed.acute-hl7v2", "weir/feed.*", "", &["weir/feed.*"]);
}

#[test]
fn uri_form_is_understood_and_kept() {
    let scope = Scope::parse("http://smarthealthit.org/fhir/scopes/patient/Patient.r").unwrap();
    assert!(scope.as_resource().is_some());
    assert_eq!(scope.text(), "http://smarthealthit.org/fhir/scopes/patient/Patient.r");
}
