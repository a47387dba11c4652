//! The authorization request and the consent decision.

use crate::house::{NOW, REDIRECT, app, backend, client, form, form_but, server};
use policy::Purpose;
use smart::{
    Approval, Authentication, AuthorizeError, AuthorizeRequest, Client, CodeRandomness, LaunchContext, LoggedIn,
    OAuthErrorCode, authorize, requested_client_id,
};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const GOOD: [(&str, &str); 8] = [
    ("response_type", "code"),
    ("client_id", "app"),
    ("redirect_uri", REDIRECT),
    ("scope", "launch/patient patient/*.rs offline_access"),
    ("state", "a b&c=ü"),
    ("aud", "https://weir.example/fhir"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

fn ask(params: &[(String, String)], client: &Client) -> Result<AuthorizeRequest, AuthorizeError> {
    authorize(params, Some(client), &server())
}

fn request(scope: &str) -> AuthorizeRequest {
    ask(&form_but(&GOOD, "scope", scope), &app()).unwrap()
}

fn random() -> CodeRandomness {
    CodeRandomness { code: [1; 32], family: [2; 16] }
}

fn agreed(scopes: &[&str], patient: Option<&str>) -> Approval {
    Approval {
        login: staff(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        context: patient.map(LaunchContext::of_patient).unwrap_or_default(),
    }
}

fn staff() -> LoggedIn {
    LoggedIn { user: "user".to_owned(), is_patient: false, patient_ids: Vec::new(), session: None }
}

/// The parameters of a redirect, which must go to the registered URI.
fn answer(location: &str) -> Vec<(String, String)> {
    let rest = location.strip_prefix(REDIRECT).unwrap_or_else(|| panic!("{location}"));
    url::form_urlencoded::parse(rest.trim_start_matches('&').as_bytes()).into_owned().collect()
}

fn error_of(answer: Result<AuthorizeRequest, AuthorizeError>) -> (OAuthErrorCode, Vec<(String, String)>) {
    match answer {
        Err(AuthorizeError::Redirect { location, error }) => (error.code, crate::authorize::answer(&location)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_clients_and_addresses_are_never_redirected_to() {
    let is_page = |params: &[(String, String)], client: Option<&Client>| {
        matches!(authorize(params, client, &server()), Err(AuthorizeError::Page(_)))
    };
    let app = app();
    assert!(is_page(&form(&GOOD), None));
    assert!(is_page(&form_but(&GOOD, "client_id", "other"), Some(&app)));
    assert!(is_page(&form_but(&GOOD, "client_id", "-"), Some(&app)));
    for uri in [
        "-",
        "https://evil.example/",
        "https://app.example/back",
        "https://app.example/back?tab=1&x=2",
        "https://app.example/back?tab=1#",
        "https://app.example/back?tab=1/",
        "HTTPS://app.example/back?tab=1",
    ] {
        assert!(is_page(&form_but(&GOOD, "redirect_uri", uri), Some(&app)), "{uri}");
    }
    let mut twice = form(&GOOD);
    twice.push(("redirect_uri".to_owned(), "https://evil.example/".to_owned()));
    assert!(is_page(&twice, Some(&app)));
    assert_eq!(requested_client_id(&form(&GOOD)), Some("app"));
}

#[test]
fn other_errors_go_back_with_the_state() {
    use OAuthErrorCode::{InvalidRequest, InvalidScope, UnsupportedResponseType};
    for (name, value, code) in [
        ("response_type", "token", UnsupportedResponseType),
        ("response_type", "-", InvalidRequest),
        ("aud", "https://evil.example/fhir", InvalidRequest),
        ("aud", "https://weir.example/fhir/Patient", InvalidRequest),
        ("aud", "http://weir.example/fhir", InvalidRequest),
        ("aud", "-", InvalidRequest),
        ("code_challenge", "-", InvalidRequest),
        ("code_challenge", "too-short", InvalidRequest),
        ("code_challenge_method", "plain", InvalidRequest),
        ("code_challenge_method", "-", InvalidRequest),
        ("request_uri", "https://app.example/request", InvalidRequest),
        ("scope", "-", InvalidRequest),
        ("scope", "nonsense", InvalidScope),
        ("scope", "system/*.rs", InvalidScope),
        ("scope", "user/Condition.rs", InvalidScope),
        ("scope", "openid fhirUser", InvalidScope),
        ("scope", "patient/Observation.rs?category=laboratory patient/*.rs", InvalidScope),
    ] {
        let (found, answer) = error_of(ask(&form_but(&GOOD, name, value), &app()));
        assert_eq!(found, code, "{name} {value}");
        assert!(answer.contains(&("state".to_owned(), "a b&c=ü".to_owned())), "{answer:?}");
        assert!(answer.contains(&("error".to_owned(), code.as_str().to_owned())), "{answer:?}");
    }
    assert_eq!(error_of(ask(&form_but(&GOOD, "state", "-"), &app())).0, InvalidRequest);
    let mut twice = form(&GOOD);
    twice.push(("scope".to_owned(), "patient/*.cruds".to_owned()));
    assert_eq!(error_of(ask(&twice, &app())).0, InvalidRequest);
}

#[test]
fn aud_may_end_in_a_slash_or_be_called_resource() {
    assert!(ask(&form_but(&GOOD, "aud", "https://weir.example/fhir/"), &app()).is_ok());
    let mut params = form_but(&GOOD, "aud", "-");
    params.push(("resource".to_owned(), "https://weir.example/fhir".to_owned()));
    assert!(ask(&params, &app()).is_ok());
}

#[test]
fn only_direct_care_clients_may_act_for_a_person() {
    for purpose in [Purpose::SecondaryUse, Purpose::Administration] {
        let other = client("app", Authentication::Public, purpose, "patient/*.rs launch/patient");
        assert_eq!(error_of(ask(&form(&GOOD), &other)).0, OAuthErrorCode::UnauthorizedClient);
    }
}

#[test]
fn what_is_offered_is_what_was_asked_and_is_allowed() {
    let request = request("launch/patient patient/Observation.cruds user/*.read system/*.rs whatever");
    assert_eq!(request.offered().to_string(), "launch/patient patient/Observation.rs user/Observation.read");
    for refused in ["patient/Observation.cruds", "user/*.read", "system/*.rs", "whatever"] {
        assert!(request.refused().iter().any(|scope| scope == refused), "{refused}");
    }
    assert!(request.needs_patient());
}

#[test]
fn agreement_gives_a_code_bound_to_the_request() {
    let request = request("launch/patient patient/*.rs offline_access");
    let (location, code) = request.approve(agreed(&["patient/*.rs"], Some("p1")), &random(), &server(), NOW).unwrap();
    let answer = answer(&location);
    assert_eq!(
        answer,
        [("code".to_owned(), code.handle.text().to_owned()), ("state".to_owned(), "a b&c=ü".to_owned())]
    );
    assert_eq!(code.record.scopes, "patient/*.rs", "what was unticked is not granted");
    assert_eq!((code.record.challenge.as_str(), code.record.redirect_uri.as_str()), (CHALLENGE, REDIRECT));
    assert_eq!(code.expires.0 - NOW.0, 60_000);
    assert!(!format!("{code:?}").contains(code.handle.text()), "no secret in a log");
}

#[test]
fn agreement_cannot_exceed_the_offer() {
    let request = request("patient/Observation.rs");
    let approval =
        agreed(&["patient/Observation.rs", "patient/*.rs", "user/Observation.rs", "offline_access"], Some("p1"));
    let (_, code) = request.approve(approval, &random(), &server(), NOW).unwrap();
    assert_eq!(code.record.scopes, "patient/Observation.rs");
}

#[test]
fn a_person_passes_on_no_more_than_their_own_rights() {
    let request = request("launch/patient patient/*.rs user/Observation.rs");
    let patient = LoggedIn { is_patient: true, patient_ids: vec!["p1".to_owned()], ..staff() };
    let limited = LoggedIn { patient_ids: vec!["p1".to_owned()], ..staff() };
    let nobody = LoggedIn { is_patient: true, ..staff() };
    assert_eq!(request.offered_to(&staff()), *request.offered());
    for login in [patient, limited] {
        assert_eq!(request.offered_to(&login).to_string(), "launch/patient patient/*.rs");
        let approve = |patient: &str| {
            let approval =
                Approval { login: login.clone(), ..agreed(&["patient/*.rs", "user/Observation.rs"], Some(patient)) };
            request.approve(approval, &random(), &server(), NOW)
        };
        assert_eq!(approve("p1").unwrap().1.record.scopes, "patient/*.rs");
        let Err(AuthorizeError::Redirect { error, .. }) = approve("p2") else { panic!("another patient was picked") };
        assert_eq!(error.code, OAuthErrorCode::AccessDenied);
    }
    assert!(!nobody.may_pick("p1"));
}

#[test]
fn denial_and_missing_patient_go_back_as_errors() {
    let request = request("launch/patient patient/*.rs");
    let expect = |location: &str, code: &str| {
        let answer = answer(location);
        assert!(
            answer.contains(&("error".to_owned(), code.to_owned())) && answer.iter().any(|(name, _)| name == "state")
        );
    };
    expect(&request.deny(), "access_denied");
    for (approval, code) in [
        (agreed(&[], Some("p1")), "access_denied"),
        (agreed(&["patient/Condition.rs"], Some("p1")), "access_denied"),
        (agreed(&["patient/*.rs"], None), "invalid_request"),
    ] {
        match request.approve(approval, &random(), &server(), NOW) {
            Err(AuthorizeError::Redirect { location, .. }) => expect(&location, code),
            other => panic!("{other:?}"),
        }
    }
    let AuthorizeError::Redirect { location, .. } = request.unknown_launch() else { panic!("a page") };
    expect(&location, "invalid_request");
}

#[test]
fn registrations_that_are_not_safe_are_refused() {
    let refused = |change: &dyn Fn(&mut Client)| {
        let mut client = app();
        change(&mut client);
        client.check().is_err()
    };
    assert!(app().check().is_ok());
    for uri in [
        "http://app.example/back",
        "/back",
        "https://app.example/#x",
        "https://*.example/back",
        "javascript:alert(1)",
        "data:text/html,x",
    ] {
        assert!(refused(&|client| client.redirect_uris = vec![uri.to_owned()]), "{uri}");
    }
    for uri in ["http://127.0.0.1:3000/back", "http://localhost/back", "uk.example.app:/back"] {
        assert!(!refused(&|client| client.redirect_uris = vec![uri.to_owned()]), "{uri}");
    }
    assert!(refused(&|client| client.redirect_uris.clear()));
    assert!(refused(&|client| client.client_id = String::new()));
    assert!(refused(&|client| client.launch_urls = vec!["http://app.example/launch".to_owned()]));
    assert!(refused(&|client| client.scopes = policy::Scopes::parse("system/*.rs").unwrap()));
    assert!(refused(&|client| client.scopes = policy::Scopes::parse("patient/Observation.rs?category=a").unwrap()));
    assert!(refused(&|client| client.purpose = Purpose::SecondaryUse));
    assert!(backend(Purpose::SecondaryUse, "system/*.rs").check().is_ok());
    assert!(backend(Purpose::SecondaryUse, "user/*.rs").check().is_err());
    assert!(backend(Purpose::SecondaryUse, "system/*.rs weir/feed.*").check().is_err());
    assert!(refused(&|client| client.scopes = policy::Scopes::parse("patient/*.rs weir/administrator").unwrap()));
    assert!(backend(Purpose::SecondaryUse, "system/*.rs weir/administrator").check().is_err());
    assert!(backend(Purpose::Administration, "weir/administrator").check().is_ok());
}

#[test]
fn nobody_consents_to_an_administrator() {
    let client = backend(Purpose::DirectCare, "patient/*.rs launch/patient weir/administrator");
    let asked = |scope: &str| {
        let mut params = form(&[("response_type", "code"), ("client_id", &client.client_id), ("state", "s")]);
        params.extend(form(&[("redirect_uri", REDIRECT), ("scope", scope), ("aud", "https://weir.example/fhir")]));
        params.extend(form(&[("code_challenge", &"c".repeat(43)), ("code_challenge_method", "S256")]));
        ask(&params, &client)
    };
    let offered = asked("patient/*.rs weir/administrator").unwrap();
    assert_eq!(offered.offered().to_string(), "patient/*.rs");
    assert!(asked("weir/administrator").is_err());
}
