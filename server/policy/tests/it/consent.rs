//! What a Consent or a label restricts.

use fhir::{Instant, Json};
use policy::{Class, Period, restrictions_of};

use Class::{ConsentDenyDirectCare as Care, ConsentDenySecondaryUse as Research};

fn consent(rest: &str) -> String {
    let scope = r#""scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]}"#;
    format!(r#"{{"resourceType":"Consent","status":"active",{scope},{rest}}}"#)
}

fn check(text: &str, classes: &[Class], issue_count: usize) {
    let found = restrictions_of(&Json::parse(text.as_bytes()).unwrap());
    assert_eq!(found.restrictions.iter().map(|restriction| restriction.class).collect::<Vec<_>>(), classes, "{text}");
    assert_eq!(found.issues.len(), issue_count, "{text} {:?}", found.issues);
}

#[test]
fn denials_are_read_by_purpose() {
    let purpose = |code: &str| consent(&format!(r#""provision":{{"type":"deny","purpose":[{{"code":"{code}"}}]}}"#));
    check(&purpose("TREAT"), &[Care], 0);
    check(&purpose("HRESCH"), &[Research], 0);
    check(&purpose("PUBHLTH"), &[Research], 0);
    check(&purpose("SOMETHING"), &[Care, Research], 1);
    check(&consent(r#""provision":{"type":"deny"}"#), &[Care, Research], 0);
    check(&consent(r#""provision":{"type":"permit"}"#), &[], 0);
    check(
        &consent(r#""provision":{"type":"permit","provision":[{"type":"deny","purpose":[{"code":"HRESCH"}]}]}"#),
        &[Research],
        0,
    );
}

#[test]
fn what_is_not_supported_is_a_denial_with_an_issue() {
    check(
        &consent(r#""provision":{"type":"deny","actor":[{"reference":{"reference":"Organization/1"}}]}"#),
        &[Care, Research],
        1,
    );
    check(&consent(r#""provision":{"type":"deny","provision":[{"type":"permit"}]}"#), &[Care, Research], 1);
    check(&consent(r#""provision":{"purpose":[{"code":"TREAT"}]}"#), &[Care], 1);
    check(
        &consent(r#""provision":{"type":"permit","provision":[{"type":"permit","provision":[{"type":"deny"}]}]}"#),
        &[Care, Research],
        2,
    );
    check(
        r#"{"resourceType":"Consent","status":"active","scope":{"coding":[{"code":"research"}]},"provision":{"type":"deny"}}"#,
        &[Care, Research],
        1,
    );
    check(&consent(r#""policyRule":{"coding":[{"code":"OPTOUT"}]}"#), &[Care, Research], 0);
    check(&consent(r#""dateTime":"2020-01-01""#), &[], 1);
}

#[test]
fn only_active_consents_count() {
    for status in ["draft", "proposed", "rejected", "inactive", "entered-in-error"] {
        check(&consent(r#""provision":{"type":"deny"}"#).replace("active", status), &[], 0);
    }
    check(r#"{"resourceType":"Observation","status":"active","provision":{"type":"deny"}}"#, &[], 0);
}

#[test]
fn a_period_limits_the_denial() {
    let text = consent(
        r#""provision":{"type":"deny","purpose":[{"code":"TREAT"}],"period":{"start":"2020-01-01","end":"2020-12"}}"#,
    );
    let found = restrictions_of(&Json::parse(text.as_bytes()).unwrap());
    let period = found.restrictions.first().unwrap().period;
    let at = |text: &str| Instant::parse_rfc3339(text).unwrap();
    assert!(!period.contains(at("2019-12-31T23:59:59Z")));
    assert!(period.contains(at("2020-01-01T00:00:00Z")) && period.contains(at("2020-12-31T23:59:59Z")));
    assert!(!period.contains(at("2021-01-01T00:00:00Z")));
    assert!(Period::default().contains(Instant(0)));
}

#[test]
fn a_restricted_patient_is_sensitive() {
    let patient = |code: &str| {
        format!(
            r#"{{"resourceType":"Patient","meta":{{"security":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"{code}"}}]}}}}"#
        )
    };
    check(&patient("R"), &[Class::Sensitive], 0);
    check(&patient("V"), &[Class::Sensitive], 0);
    check(&patient("N"), &[], 0);
}
