//! The first check: who may try what.

use policy::{
    BreakGlass, Class, Denied, Grant, Interaction, Principal, Purpose, Scopes, Subject, TypeSet, decide, decide_own_job,
};

use Interaction as I;

const ALL: [Interaction; 35] = [
    I::Capabilities,
    I::Read,
    I::Vread,
    I::HistoryInstance,
    I::HistoryType,
    I::HistorySystem,
    I::SearchType,
    I::SearchSystem,
    I::Create,
    I::Update,
    I::Patch,
    I::Delete,
    I::Batch,
    I::Everything,
    I::Validate,
    I::Fhirpath,
    I::MetaInstance,
    I::MetaType,
    I::MetaSystem,
    I::MetaAdd,
    I::MetaDelete,
    I::Lastn,
    I::Match,
    I::Document,
    I::Purge,
    I::Reindex,
    I::ReindexStatus,
    I::Export,
    I::ExportStatus,
    I::ExportFile,
    I::ExportDelete,
    I::AsyncStatus,
    I::AsyncFile,
    I::AsyncDelete,
    I::Feed,
];

pub(crate) fn principal(purpose: Purpose, scopes: &str) -> Principal {
    Principal::new("client", purpose, Scopes::parse(scopes).unwrap())
}

fn app(scopes: &str) -> Principal {
    let mut principal = principal(Purpose::DirectCare, scopes);
    principal.user = Some("user".to_owned());
    principal.patient = Some("p1".to_owned());
    principal
}

fn ask(principal: Principal, interaction: Interaction, type_name: Option<&str>) -> Result<Grant, Denied> {
    decide(&Subject::Principal(principal), interaction, type_name)
}

fn reason(answer: Result<Grant, Denied>) -> Option<&'static str> {
    answer.err().map(|denied| denied.reason)
}

#[test]
fn secondary_use_reaches_its_exports_and_nothing_else() {
    let scopes = "system/*.cruds user/*.cruds patient/*.cruds weir/feed.*";
    for interaction in ALL {
        for type_name in [None, Some("Patient"), Some("Organization"), Some("StructureDefinition"), Some("acute-hl7v2")]
        {
            let allowed = reason(ask(principal(Purpose::SecondaryUse, scopes), interaction, type_name)).is_none();
            let expected =
                matches!(interaction, I::Capabilities | I::Export | I::ExportStatus | I::ExportFile | I::ExportDelete);
            assert_eq!(allowed, expected, "{interaction:?} {type_name:?}");
        }
    }
}

#[test]
fn administration_reaches_nothing_clinical() {
    // A request that is answered later was decided itself.
    for interaction in ALL.into_iter().filter(|one| *one != I::Capabilities && !one.is_async()) {
        for type_name in [None, Some("Patient"), Some("Observation"), Some("Practitioner"), Some("AuditEvent")] {
            let answer = ask(principal(Purpose::Administration, "system/*.cruds weir/feed.*"), interaction, type_name);
            let expected = if interaction.needs_administrator() { "scope-missing" } else { "purpose-administration" };
            assert_eq!(reason(answer), Some(expected), "{interaction:?} {type_name:?}");
        }
    }
    let grant = ask(principal(Purpose::Administration, "system/*.rs"), I::SearchType, Some("CodeSystem")).unwrap();
    assert!(!grant.predicate().reaches("Patient"), "an include must not lead out of definitions");
}

#[test]
fn a_search_parameter_is_written_by_a_service_alone() {
    let scopes = "system/*.cruds user/*.cruds patient/*.cruds";
    for interaction in [I::Create, I::Update, I::Patch, I::Delete, I::MetaAdd] {
        let type_name = Some("SearchParameter");
        for purpose in [Purpose::DirectCare, Purpose::Administration] {
            assert!(ask(principal(purpose, scopes), interaction, type_name).is_ok(), "{interaction:?}");
        }
        let user = Principal { user: Some("user".into()), ..principal(Purpose::DirectCare, scopes) };
        for subject in [app(scopes), user] {
            assert_eq!(reason(ask(subject.clone(), interaction, type_name)), Some("definition-write"));
            assert!(ask(subject, I::Read, type_name).is_ok());
        }
        assert!(ask(principal(Purpose::SecondaryUse, scopes), interaction, type_name).is_err());
    }
}

#[test]
fn no_resource_scope_makes_an_administrator() {
    let all = "system/*.cruds user/*.cruds patient/*.cruds weir/feed.*";
    for purpose in [Purpose::DirectCare, Purpose::SecondaryUse, Purpose::Administration] {
        assert!(ask(principal(purpose, all), I::Purge, Some("Patient")).is_err());
    }
    assert_eq!(reason(ask(app(all), I::Purge, Some("Patient"))), Some("scope-missing"));
    // A person's app and an analyst's client are none whatever their scopes say.
    assert_eq!(reason(ask(app("weir/administrator"), I::Purge, Some("Patient"))), Some("scope-missing"));
    let analyst = principal(Purpose::SecondaryUse, "weir/administrator");
    assert_eq!(reason(ask(analyst, I::Purge, Some("Patient"))), Some("purpose-secondary-use"));
    for purpose in [Purpose::DirectCare, Purpose::Administration] {
        assert!(ask(principal(purpose, "weir/administrator"), I::Purge, Some("Patient")).unwrap().is_to_erase());
    }
}

#[test]
fn an_administrator_gains_labels_erasure_and_indexing_and_nothing_else() {
    // A request that is answered later was decided itself.
    for interaction in ALL.into_iter().filter(|one| *one != I::Capabilities && !one.is_async()) {
        let is_open = interaction.needs_administrator() || matches!(interaction, I::MetaInstance | I::MetaDelete);
        let answer = ask(principal(Purpose::Administration, "weir/administrator"), interaction, Some("Patient"));
        assert_eq!(answer.is_ok(), is_open, "{interaction:?}");
        if let Ok(grant) = answer {
            assert!(grant.predicate().restricted.hidden_labels.is_empty(), "{interaction:?}");
            assert_eq!(grant.is_to_erase(), interaction == I::Purge);
        }
    }
    let both = principal(Purpose::DirectCare, "weir/administrator system/*.cruds");
    for interaction in [I::Read, I::SearchType, I::Update, I::MetaAdd, I::Everything] {
        let grant = ask(both.clone(), interaction, Some("Patient")).unwrap();
        assert!(!grant.predicate().restricted.hidden_labels.is_empty(), "{interaction:?}");
    }
}

#[test]
fn only_an_administrator_takes_a_confidentiality_label_off() {
    let [r, v] = ["R", "V"].map(policy::Label::confidentiality);
    let tag = policy::Label { system: "http://example.org".to_owned(), code: "x".to_owned() };
    let writer = principal(Purpose::DirectCare, "system/*.cruds");
    let reasons = |before: &[&policy::Label], after: &[&policy::Label]| {
        let [before, after] = [before, after].map(|labels| labels.iter().copied().cloned().collect::<Vec<_>>());
        let mut reasons = Vec::new();
        for interaction in [I::Update, I::MetaDelete] {
            let grant = ask(writer.clone(), interaction, Some("Observation")).unwrap();
            reasons.push(grant.check_labels_kept(&before, &after).err().map(|denied| denied.reason));
        }
        let administrator = principal(Purpose::Administration, "weir/administrator");
        let grant = ask(administrator, I::MetaDelete, Some("Observation")).unwrap();
        assert!(grant.check_labels_kept(&before, &after).is_ok());
        reasons
    };
    assert_eq!(reasons(&[&r], &[]), [Some("scope-missing"); 2]);
    assert_eq!(reasons(&[&v], &[&r]), [Some("scope-missing"); 2]);
    assert_eq!(reasons(&[&r, &tag], &[&r, &v]), [None; 2]);
    assert_eq!(reasons(&[], &[&r]), [None; 2]);
}

#[test]
fn a_scope_is_needed_and_its_context_must_hold() {
    let check = |principal: Principal, interaction, type_name: &str, expected: Option<&str>| {
        assert_eq!(reason(ask(principal, interaction, Some(type_name))), expected);
    };
    check(app("patient/Observation.rs"), I::SearchType, "Observation", None);
    check(app("patient/Observation.rs"), I::SearchType, "Condition", Some("scope-missing"));
    check(app("patient/Observation.r"), I::SearchType, "Observation", Some("scope-missing"));
    check(app("patient/Observation.s"), I::Read, "Observation", Some("scope-missing"));
    check(app("patient/Observation.rs"), I::Update, "Observation", Some("scope-missing"));
    check(app("patient/*.cruds"), I::Export, "Patient", Some("export-needs-system"));
    check(app("system/*.cruds"), I::Read, "Patient", Some("scope-missing"));
    let mut no_patient = app("patient/*.rs");
    no_patient.patient = None;
    check(no_patient, I::Read, "Patient", Some("no-patient"));
    let mut no_user = app("user/*.rs");
    no_user.user = None;
    check(no_user, I::Read, "Patient", Some("scope-missing"));
    check(principal(Purpose::DirectCare, "system/Patient.rs"), I::Read, "Patient", None);
    check(principal(Purpose::DirectCare, ""), I::Read, "Patient", Some("scope-missing"));
    check(principal(Purpose::DirectCare, "weir/feed.gp-connect"), I::Feed, "gp-connect", None);
    check(principal(Purpose::DirectCare, "weir/feed.gp-connect"), I::Feed, "acute-hl7v2", Some("scope-missing"));
    check(principal(Purpose::DirectCare, "system/*.cruds"), I::Feed, "acute-hl7v2", Some("scope-missing"));
    check(principal(Purpose::SecondaryUse, "system/Patient.rs"), I::Export, "Observation", Some("scope-missing"));
    check(principal(Purpose::SecondaryUse, "system/Patient.r"), I::Export, "Patient", Some("scope-missing"));
    check(principal(Purpose::SecondaryUse, "user/*.rs"), I::Export, "Patient", Some("scope-missing"));
}

#[test]
fn predicate_reaches_only_what_the_scopes_name() {
    let grant = ask(app("patient/Observation.rs patient/Patient.r"), I::SearchType, Some("Observation")).unwrap();
    let predicate = grant.predicate();
    assert!(predicate.types.contains("Patient") && !predicate.searchable.contains("Patient"));
    assert!(!predicate.reaches("Condition"));
    assert_eq!(predicate.person.as_ref().unwrap().patient, "p1");
    assert_eq!(predicate.restricted.hidden, [Class::ConsentDenyDirectCare]);

    let system = ask(app("patient/Observation.rs patient/Patient.r"), I::HistorySystem, None).unwrap();
    assert!(!system.predicate().reaches("Patient"), "a type without `s` is not in a system history");

    let export = ask(principal(Purpose::SecondaryUse, "system/Patient.rs"), I::Export, None).unwrap();
    assert_eq!(export.predicate().types, TypeSet::Only(["Patient".to_owned()].into()));
    assert_eq!(export.predicate().restricted.hidden_general_practice, [Class::Type1]);
}

#[test]
fn a_user_scope_lifts_the_person_limit_for_its_own_types_only() {
    let grant = ask(app("patient/*.rs user/Observation.rs"), I::SearchType, Some("Observation")).unwrap();
    assert!(grant.predicate().person_limit("Observation").is_none());
    assert!(grant.predicate().person_limit("Condition").is_some());
}

#[test]
fn redacted_elements_are_not_searchable() {
    let grant = ask(principal(Purpose::DirectCare, "system/*.rs"), I::SearchType, Some("Patient")).unwrap();
    for (type_name, param, expected) in [
        ("Patient", "address", true),
        ("Patient", "address-postalcode", true),
        ("Patient", "phone", true),
        ("Patient", "general-practitioner", true),
        ("RelatedPerson", "address-city", true),
        ("Encounter", "location", true),
        ("Patient", "name", false),
        ("Patient", "identifier", false),
        ("Encounter", "date", false),
        ("Location", "address", false),
        ("Observation", "_text", true),
    ] {
        assert_eq!(grant.predicate().unsearchable(type_name, param), expected, "{type_name} {param}");
    }
}

#[test]
fn broken_glass_opens_consent_and_labels_for_a_user_but_never_whereabouts() {
    let mut clinician = app("user/*.rs");
    clinician.break_glass = Some(BreakGlass::with_reason("unconscious in A&E").unwrap());
    let rule = ask(clinician, I::Read, Some("Patient")).unwrap().predicate().restricted.clone();
    assert!(rule.hidden.is_empty() && rule.hidden_labels.is_empty());
    assert_eq!(rule.redacted, [Class::Sensitive]);

    let mut backend = principal(Purpose::DirectCare, "system/*.rs");
    backend.break_glass = Some(BreakGlass::with_reason("unconscious in A&E").unwrap());
    assert!(!ask(backend, I::Read, Some("Patient")).unwrap().predicate().restricted.hidden.is_empty());
    assert!(BreakGlass::with_reason("   because   ").is_err());
}

#[test]
fn open_access_is_direct_care() {
    for interaction in ALL {
        let grant = decide(&Subject::OpenAccess, interaction, Some("Patient")).unwrap();
        assert_eq!(grant.purpose(), Purpose::DirectCare);
        assert!(!grant.is_system());
    }
}

#[test]
fn another_clients_job_is_refused() {
    let subject = Subject::Principal(principal(Purpose::SecondaryUse, "system/*.rs"));
    assert!(decide_own_job(&subject, "client").is_ok());
    assert_eq!(decide_own_job(&subject, "other").unwrap_err().reason, "other-client-job");
}
