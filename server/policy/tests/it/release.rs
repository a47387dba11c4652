//! The second check, and what is taken out of a body.

use crate::decide::principal;
use fhir::{Instant, Json};
use policy::{
    Class, Cohort, ExportFacts, ExportRules, Facts, Grant, Interaction, Label, NationalDataOptOut, PersonKey,
    Principal, Purpose, Source, Subject, SystemToken, Task, Version, decide, release,
};
use std::sync::Arc;

fn facts(type_name: &str, persons: &[i64], patients: &[&str]) -> Facts {
    Facts {
        type_name: type_name.to_owned(),
        id: "x".to_owned(),
        version: 1,
        persons: persons.iter().copied().map(PersonKey).collect(),
        patient_ids: patients.iter().map(|id| (*id).to_owned()).collect(),
        labels: Vec::new(),
        restrictions: Vec::new(),
        source: Source::feed("rest"),
        last_updated: Instant(0),
        deleted: false,
    }
}

fn restricted(mut facts: Facts, class: Class) -> Facts {
    facts.restrictions.push(class);
    facts
}

fn labelled(mut facts: Facts, code: &str) -> Facts {
    facts.labels.push(Label::confidentiality(code));
    facts
}

fn from_gp(mut facts: Facts) -> Facts {
    facts.source = Source::feed("gp-connect");
    facts
}

fn grant(principal: Principal, interaction: Interaction, type_name: &str) -> Grant {
    decide(&Subject::Principal(principal), interaction, Some(type_name)).unwrap()
}

fn app() -> Principal {
    let mut app = principal(Purpose::DirectCare, "patient/*.rs");
    app.patient = Some("p1".to_owned());
    app.person = Some(PersonKey(1));
    app
}

fn clinician() -> Grant {
    grant(principal(Purpose::DirectCare, "system/*.rs"), Interaction::Read, "Patient")
}

fn refusal(grant: &Grant, facts: Facts) -> Option<&'static str> {
    release(grant, Version::new(facts, "{}".into())).err().map(|denied| denied.reason)
}

#[test]
fn a_patient_scope_releases_its_person_and_reference_data_only() {
    let grant = grant(app(), Interaction::Read, "Observation");
    let check = |facts, expected| assert_eq!(refusal(&grant, facts), expected);
    check(facts("Observation", &[1], &["p1"]), None);
    check(facts("Observation", &[1], &["p1-merged"]), None);
    check(facts("Observation", &[2], &["p2"]), Some("other-person"));
    check(facts("Patient", &[2], &["p2"]), Some("other-person"));
    check(facts("Observation", &[1, 2], &["p1", "p2"]), Some("other-person"));
    check(facts("Observation", &[], &[]), Some("other-person"));
    check(facts("Practitioner", &[], &[]), None);
    check(facts("Medication", &[], &[]), None);
    check(facts("Practitioner", &[2], &["p2"]), Some("other-person"));
    check(facts("Device", &[], &[]), Some("other-person"));
    check(facts("Binary", &[], &[]), Some("other-person"));
}

#[test]
fn without_a_looked_up_person_the_logical_id_decides() {
    let mut app = app();
    app.person = None;
    let grant = grant(app, Interaction::Read, "Observation");
    assert_eq!(refusal(&grant, facts("Observation", &[7], &["p1"])), None);
    assert_eq!(refusal(&grant, facts("Observation", &[7], &["p2"])), Some("other-person"));
    assert_eq!(refusal(&grant, facts("Observation", &[], &[])), Some("other-person"));
    assert_eq!(refusal(&grant.with_person(PersonKey(8)), facts("Observation", &[7], &["p1"])), Some("other-person"));
}

#[test]
fn direct_care_is_kept_from_denied_and_very_restricted_records() {
    let grant = clinician();
    let about = || facts("Condition", &[1], &["p1"]);
    assert_eq!(refusal(&grant, restricted(about(), Class::ConsentDenyDirectCare)), Some("restricted"));
    assert_eq!(refusal(&grant, labelled(about(), "V")), Some("label"));
    assert_eq!(refusal(&grant, labelled(about(), "R")), None);
    assert_eq!(refusal(&grant, restricted(about(), Class::ConsentDenySecondaryUse)), None);
    assert_eq!(refusal(&grant, from_gp(restricted(about(), Class::Type1))), None);
    let narrow = grant_of_type("Observation");
    assert_eq!(refusal(&narrow, about()), Some("type-not-granted"));
}

fn grant_of_type(type_name: &str) -> Grant {
    grant(principal(Purpose::DirectCare, &format!("system/{type_name}.rs")), Interaction::Read, type_name)
}

#[test]
fn secondary_use_releases_the_cohort_only() {
    let export = || grant(principal(Purpose::SecondaryUse, "system/*.rs"), Interaction::Export, "Patient");
    let about = |persons: &[i64]| facts("Condition", persons, &["p"]);
    assert_eq!(refusal(&export(), about(&[1])), Some("not-in-cohort"), "no cohort, nobody");

    let rules = ExportRules { national_data_opt_out: NationalDataOptOut::Exempt, ..ExportRules::at(Instant(0)) };
    let objects = ExportFacts { has_type_1: true, ..ExportFacts::default() };
    let (cohort, _) = Cohort::decide([(PersonKey(1), ExportFacts::default()), (PersonKey(2), objects)], &rules);
    let grant = export().with_cohort(Arc::new(cohort));
    let check = |facts, expected| assert_eq!(refusal(&grant, facts), expected);
    check(about(&[1]), None);
    check(about(&[3]), Some("not-in-cohort"));
    check(about(&[1, 3]), Some("not-in-cohort"));
    check(facts("Provenance", &[], &[]), Some("not-in-cohort"));
    check(facts("Binary", &[], &[]), Some("not-in-cohort"));
    check(facts("Organization", &[], &[]), None);
    check(about(&[2]), None);
    check(from_gp(about(&[2])), Some("not-in-cohort"));
    check(from_gp(about(&[1])), None);
    check(from_gp(restricted(about(&[1]), Class::Type1)), Some("restricted"));
    check(restricted(about(&[1]), Class::Sensitive), Some("restricted"));
    check(restricted(about(&[1]), Class::ConsentDenySecondaryUse), Some("restricted"));
    check(labelled(about(&[1]), "R"), Some("label"));
}

#[test]
fn system_grants_read_bodies_and_release_nothing() {
    let system = Grant::for_system(Task::Reindex, &SystemToken::mint());
    let version = Version::new(facts("Patient", &[1], &["p1"]), "{}".into());
    assert!(version.system_body(&system).is_some());
    assert!(version.system_body(&clinician()).is_none());
    assert_eq!(release(&system, version).unwrap_err().reason, "system-grant");
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"x","meta":{"versionId":"1"},"text":{"status":"generated","div":"<div>12 Hidden Lane</div>"},
 "name":[{"family":"Tést","_family":{"id":"a"}}],"address":[{"line":["12 Hidden Lane"]}],"_address":[{"id":"h"}],"telecom":[{"value":"0700"}],
 "birthDate":"1980-01-01","generalPractitioner":[{"reference":"Organization/hidden"}],"managingOrganization":{"reference":"Organization/hidden"},
 "contact":[{"name":{"family":"Kin"},"address":{"line":["12 Hidden Lane"]},"telecom":[{"value":"0700"}]}],
 "contained":[{"resourceType":"Organization","name":"Hidden Surgery"}],"multipleBirthInteger":1.0}"#;

fn redacted(facts: Facts, body: &str) -> String {
    let released = release(&clinician(), Version::new(facts, body.to_owned().into())).unwrap();
    assert!(released.is_redacted());
    let text = String::from_utf8(released.bytes().to_vec()).unwrap();
    Json::parse(text.as_bytes()).unwrap();
    assert!(text.contains(r#""code":"REDACTED""#), "{text}");
    text
}

#[test]
fn a_sensitive_patient_loses_whereabouts_and_keeps_the_rest() {
    for facts in
        [restricted(facts("Patient", &[1], &["x"]), Class::Sensitive), labelled(facts("Patient", &[1], &["x"]), "R")]
    {
        let text = redacted(facts, PATIENT);
        for gone in ["idden", "0700", "address", "telecom", "generalPractitioner", "<div"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        for kept in
            [r#""family":"Tést""#, r#""birthDate":"1980-01-01""#, r#""multipleBirthInteger":1.0"#, r#""family":"Kin""#]
        {
            assert!(text.contains(kept), "{kept} not in {text}");
        }
        assert!(
            text.starts_with(r#"{"resourceType":"Patient","id":"x","meta":{"versionId":"1","security":[{"#),
            "{text}"
        );
    }
}

#[test]
fn other_resources_of_a_sensitive_person_lose_narrative_location_and_contained_whereabouts() {
    let sensitive = |type_name: &str| restricted(facts(type_name, &[1], &["x"]), Class::Sensitive);
    let encounter = r#"{"resourceType":"Encounter","text":{"div":"hidden"},"location":[{"location":{"reference":"Location/hidden"}}],
      "contained":[{"resourceType":"Patient","address":[{"city":"hidden"}],"gender":"female"},{"resourceType":"Location","position":{"hidden":1}}],"status":"finished"}"#;
    let text = redacted(sensitive("Encounter"), encounter);
    assert!(!text.contains("hidden"), "{text}");
    assert!(text.contains(r#""gender":"female""#) && text.contains(r#""status":"finished""#), "{text}");

    let elsewhere = r#"{"resourceType":"ServiceRequest","extension":[{"url":"x","valueAddress":{"city":"hidden"}},{"url":"y","valueString":"kept"}],
      "locationReference":[{"reference":"Location/hidden"}],"supportingInfo":[{"reference":"Location/hidden"},{"reference":"Condition/kept2"}],
      "section":[{"text":{"div":"hidden"},"title":"kept3","section":[{"entry":[{"reference":"Location/hidden"}],"telecom":[{"value":"hidden"}]}]}]}"#;
    let text = redacted(sensitive("ServiceRequest"), elsewhere);
    assert!(!text.contains("hidden"), "{text}");
    assert!(["kept\"", "kept2", "kept3"].iter().all(|kept| text.contains(kept)), "{text}");

    let labels = r#"{"meta":{"security":[{"code":"N"}]},"resourceType":"Observation","status":"final"}"#;
    let text = redacted(sensitive("Observation"), labels);
    assert!(text.starts_with(r#"{"meta":{"security":[{"code":"N"},{"#), "{text}");
    redacted(sensitive("Observation"), r#"{"meta":{},"resourceType":"Observation","text":{"div":"x"}}"#);
    redacted(sensitive("Observation"), r#"{"text":{"div":"x"},"resourceType":"Observation","meta":{"security":[]}}"#);
}

#[test]
fn what_is_not_redacted_leaves_byte_for_byte_and_what_cannot_be_is_withheld() {
    let grant = clinician();
    let same = release(&grant, Version::new(facts("Patient", &[1], &["x"]), PATIENT.into())).unwrap();
    assert_eq!(same.bytes(), PATIENT.as_bytes());
    assert!(!same.is_redacted());
    for broken in ["{\"resourceType\":\"Patient\"", "[]", "{}", "null"] {
        let facts = restricted(facts("Patient", &[1], &["x"]), Class::Sensitive);
        assert_eq!(release(&grant, Version::new(facts, broken.into())).unwrap_err().reason, "not-redactable");
    }
}

#[test]
fn a_write_stays_within_the_grant_and_the_person() {
    let mut writer = app();
    writer.scopes = policy::Scopes::parse("patient/Observation.cu").unwrap();
    let subject = Subject::Principal(writer);
    let grant = decide(&subject, Interaction::Create, Some("Observation")).unwrap();
    let check = |interaction, facts: Facts, expected: Option<&str>| {
        assert_eq!(grant.check_write(interaction, &facts).err().map(|denied| denied.reason), expected);
    };
    check(Interaction::Create, facts("Observation", &[1], &["p1"]), None);
    check(Interaction::Create, facts("Observation", &[2], &["p2"]), Some("other-person"));
    check(Interaction::Create, facts("Observation", &[], &[]), Some("other-person"));
    check(Interaction::Update, facts("Observation", &[1], &["p1"]), Some("not-decided"));
    check(Interaction::Create, facts("Condition", &[1], &["p1"]), Some("not-decided"));

    let update = decide(&subject, Interaction::Update, Some("Observation")).unwrap();
    let both = Grant::joined([grant.clone(), update]).unwrap();
    assert!(both.check_write(Interaction::Update, &facts("Observation", &[1], &["p1"])).is_ok());
    assert!(both.check_write(Interaction::Update, &facts("Observation", &[2], &["p2"])).is_err());
    assert!(Grant::joined([grant, clinician().with_person(PersonKey(1))]).is_some(), "the same client");
    assert!(Grant::joined([clinician(), Grant::for_system(Task::Ingest, &SystemToken::mint())]).is_none());
}
