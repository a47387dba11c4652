//! The token endpoint: codes, refresh tokens, backend services, introspection.

use crate::house::{
    APP_SCOPES, NOW, REDIRECT, TOKEN_URL, app, backend, claims, client, form, form_but, header, keys, later, server,
    sign, symmetric,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fhir::Instant;
use jsonwebtoken::Algorithm;
use policy::{Purpose, Scopes};
use serde_json::json;
use smart::{
    AuthenticatedClient, Authentication, Client, CodeRecord, Credentials, Issuance, Issued, LaunchContext, OAuthError,
    OAuthErrorCode, RevocationRequest, TokenGrant, TokenKind, TokenRandomness, TokenRequest, authenticate,
    client_credentials, exchange_code, handle_hash, introspect, refresh,
};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const RANDOM: TokenRandomness = TokenRandomness { access: [7; 32], refresh: [9; 32] };

fn admitted(client: &Client) -> AuthenticatedClient {
    let form = match client.authentication {
        Authentication::Public => form(&[("client_id", &client.client_id)]),
        Authentication::Symmetric { .. } => form(&[("client_id", &client.client_id), ("client_secret", "s3cret")]),
        Authentication::Asymmetric(_) => form(&[
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &sign(&header(Algorithm::ES384, "ec"), &claims())),
        ]),
    };
    let credentials = Credentials::parse(&form, None).unwrap();
    authenticate(&credentials, Some(client), Some(&keys()), TOKEN_URL, NOW).unwrap().admit(true).unwrap()
}

fn code(scopes: &str) -> CodeRecord {
    CodeRecord {
        client_id: "app".to_owned(),
        redirect_uri: REDIRECT.to_owned(),
        challenge: CHALLENGE.to_owned(),
        aud: server().fhir_base,
        scopes: scopes.to_owned(),
        user: "user".to_owned(),
        context: LaunchContext::of_patient("p1"),
        family: "family".to_owned(),
        session: Some(vec![5]),
        expires_ms: later(60_000).0,
    }
}

fn exchange(client: &Client, record: &CodeRecord, now: Instant) -> Result<Issued, OAuthError> {
    let server = server();
    let with = Issuance { server: &server, now, random: &RANDOM };
    exchange_code(REDIRECT, VERIFIER, &admitted(client), record, with)
}

fn renew(scope: Option<&str>, client: &Client, issued: &Issued, now: Instant) -> Result<Issued, OAuthError> {
    let server = server();
    let random = TokenRandomness { access: [17; 32], refresh: [19; 32] };
    let record = &issued.refresh.as_ref().unwrap().record;
    refresh(scope, &admitted(client), record, Issuance { server: &server, now, random: &random })
}

fn backend_token(client: &Client, scope: &str) -> Result<Issued, OAuthError> {
    let server = server();
    client_credentials(scope, &admitted(client), Issuance { server: &server, now: NOW, random: &RANDOM })
}

fn code_of<T: std::fmt::Debug>(answer: Result<T, OAuthError>) -> OAuthErrorCode {
    answer.unwrap_err().code
}

#[test]
fn a_code_gives_a_token_with_its_context() {
    let issued = exchange(&app(), &code("patient/*.rs offline_access"), NOW).unwrap();
    let text = issued.access.handle.text();
    assert_eq!(
        issued.response(),
        json!({
            "access_token": text, "token_type": "Bearer", "expires_in": 3600, "scope": "patient/*.rs offline_access",
            "refresh_token": issued.refresh.as_ref().unwrap().handle.text(), "patient": "p1",
        })
    );
    assert_eq!(issued.access.record.hash, handle_hash(text));
    assert_eq!(text.len(), 43);
    assert_eq!(issued.records().len(), 2);

    let principal = issued.access.record.principal(NOW).unwrap();
    assert_eq!((principal.user.as_deref(), principal.patient.as_deref()), (Some("user"), Some("p1")));
    assert_eq!(principal.purpose, Purpose::DirectCare);
    assert!(issued.access.record.principal(later(3_600_000)).is_none(), "expired");
    assert!(issued.refresh.unwrap().record.principal(NOW).is_none(), "a refresh token opens nothing");
}

#[test]
fn a_refresh_token_needs_offline_or_online_access() {
    assert!(exchange(&app(), &code("patient/*.rs"), NOW).unwrap().refresh.is_none());
    let online = exchange(&app(), &code("patient/*.rs online_access"), NOW).unwrap();
    assert_eq!(online.access.record.session, Some(vec![5]));
    assert_eq!(online.refresh.unwrap().record.session, Some(vec![5]));
    let offline = exchange(&app(), &code("patient/*.rs online_access offline_access"), NOW).unwrap();
    assert_eq!(offline.refresh.unwrap().record.session, None);
}

#[test]
fn a_code_is_bound_to_everything() {
    use OAuthErrorCode::InvalidGrant;
    let good = code("patient/*.rs");
    assert_eq!(code_of(exchange(&app(), &good, later(60_000))), InvalidGrant, "expired");
    let other = client("other", Authentication::Public, Purpose::DirectCare, APP_SCOPES);
    assert_eq!(code_of(exchange(&other, &good, NOW)), InvalidGrant, "other client");
    let aud = CodeRecord { aud: "https://elsewhere.example/fhir".to_owned(), ..good.clone() };
    assert_eq!(code_of(exchange(&app(), &aud, NOW)), InvalidGrant, "other server");

    let server = server();
    let with = Issuance { server: &server, now: NOW, random: &RANDOM };
    let client = admitted(&app());
    for (uri, verifier) in [
        ("https://app.example/back", VERIFIER),
        (REDIRECT, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"),
        (REDIRECT, CHALLENGE),
        (REDIRECT, "short"),
        (REDIRECT, ""),
    ] {
        assert_eq!(code_of(exchange_code(uri, verifier, &client, &good, with)), InvalidGrant, "{uri} {verifier}");
    }
}

#[test]
fn what_was_taken_from_the_client_is_not_in_the_next_token() {
    let mut less = app();
    less.scopes = Scopes::parse("patient/Observation.rs offline_access").unwrap();
    let issued = exchange(&less, &code("patient/*.rs offline_access"), NOW).unwrap();
    assert_eq!(issued.access.record.scopes, "patient/Observation.rs offline_access");
    let mut secondary = app();
    secondary.purpose = Purpose::SecondaryUse;
    assert_eq!(code_of(exchange(&secondary, &code("patient/*.rs"), NOW)), OAuthErrorCode::InvalidGrant);
}

#[test]
fn a_refresh_rotates_and_never_widens() {
    let issued = exchange(&app(), &code("patient/*.read launch/patient offline_access"), NOW).unwrap();
    let again = renew(None, &app(), &issued, later(1000)).unwrap();
    assert_eq!(again.access.record.scopes, issued.access.record.scopes);
    assert_eq!(again.response().get("patient"), Some(&json!("p1")));
    let rotated = again.refresh.as_ref().unwrap();
    assert_ne!(rotated.handle, issued.refresh.as_ref().unwrap().handle);
    assert_eq!(rotated.record.family.as_deref(), Some("family"));

    let narrow = renew(Some("patient/Observation.rs"), &app(), &issued, NOW).unwrap();
    assert_eq!(narrow.access.record.scopes, "patient/Observation.rs");
    assert_eq!(narrow.refresh.unwrap().record.scopes, issued.access.record.scopes);

    for scope in ["patient/*.cruds", "patient/*.rs user/Observation.rs", "nonsense", "patient/*.rs nonsense"] {
        assert_eq!(code_of(renew(Some(scope), &app(), &issued, NOW)), OAuthErrorCode::InvalidScope, "{scope}");
    }
    let other = client("other", Authentication::Public, Purpose::DirectCare, APP_SCOPES);
    assert_eq!(code_of(renew(None, &other, &issued, NOW)), OAuthErrorCode::InvalidGrant);
    assert_eq!(code_of(renew(None, &app(), &issued, later(91 * 86_400_000))), OAuthErrorCode::InvalidGrant);

    let server = server();
    let with = Issuance { server: &server, now: NOW, random: &RANDOM };
    let access = refresh(None, &admitted(&app()), &issued.access.record, with);
    assert_eq!(code_of(access), OAuthErrorCode::InvalidGrant, "an access token is no refresh token");
}

#[test]
fn an_administrator_is_who_was_registered_as_one() {
    for purpose in [Purpose::DirectCare, Purpose::Administration] {
        let issued = backend_token(&backend(purpose, "weir/administrator"), "weir/administrator").unwrap();
        assert_eq!(issued.response().get("scope"), Some(&json!("weir/administrator")));
        let everything = backend(purpose, "system/*.cruds weir/feed.*");
        assert_eq!(code_of(backend_token(&everything, "weir/administrator")), OAuthErrorCode::InvalidScope);
    }
    let analyst = backend(Purpose::SecondaryUse, "weir/administrator");
    assert_eq!(code_of(backend_token(&analyst, "weir/administrator")), OAuthErrorCode::InvalidScope);
}

#[test]
fn a_backend_service_gets_what_it_may_have() {
    let direct = backend(Purpose::DirectCare, "system/Patient.rs system/Observation.rs weir/feed.gp-connect");
    let issued =
        backend_token(&direct, "system/Patient.read system/Condition.rs nonsense weir/feed.gp-connect").unwrap();
    let response = issued.response();
    assert_eq!(response.get("scope"), Some(&json!("system/Patient.read weir/feed.gp-connect")));
    assert_eq!(response.get("expires_in"), Some(&json!(300)));
    assert!(issued.refresh.is_none());
    assert_eq!(issued.access.record.user, None);

    use OAuthErrorCode::{InvalidScope, UnauthorizedClient};
    for scope in [
        "system/Condition.rs",
        "user/*.rs",
        "patient/*.rs",
        "offline_access",
        "launch",
        "nonsense",
        "weir/feed.acute-hl7v2",
        "system/Patient.rs?name=a",
    ] {
        assert_eq!(code_of(backend_token(&direct, scope)), InvalidScope, "{scope}");
    }
    let everything = backend(Purpose::SecondaryUse, "system/*.rs user/*.rs patient/*.rs weir/feed.*");
    for scope in ["user/*.rs", "patient/Patient.rs", "weir/feed.gp-connect"] {
        assert_eq!(code_of(backend_token(&everything, scope)), InvalidScope, "{scope}");
    }
    assert_eq!(backend_token(&everything, "system/*.rs").unwrap().access.record.purpose, Purpose::SecondaryUse);
    for other in [app(), symmetric()] {
        assert_eq!(code_of(backend_token(&other, "system/*.rs")), UnauthorizedClient);
    }
}

const CODE_FORM: [(&str, &str); 5] = [
    ("grant_type", "authorization_code"),
    ("code", "c"),
    ("redirect_uri", REDIRECT),
    ("code_verifier", VERIFIER),
    ("client_id", "app"),
];

#[test]
fn malformed_token_requests_are_refused() {
    use OAuthErrorCode::{InvalidClient, InvalidGrant, InvalidRequest, UnsupportedGrantType};
    assert!(TokenRequest::parse(&form(&CODE_FORM), None).is_ok());
    for (name, value, code) in [
        ("grant_type", "-", InvalidRequest),
        ("grant_type", "password", UnsupportedGrantType),
        ("grant_type", "implicit", UnsupportedGrantType),
        ("code", "-", InvalidRequest),
        ("redirect_uri", "-", InvalidRequest),
        ("code_verifier", "-", InvalidGrant),
        ("client_id", "-", InvalidClient),
        ("client_secret", "", InvalidRequest),
    ] {
        let answer = TokenRequest::parse(&form_but(&CODE_FORM, name, value), None);
        if value.is_empty() {
            assert!(answer.is_ok(), "an empty parameter is absent");
        } else {
            assert_eq!(code_of(answer), code, "{name} {value}");
        }
    }
    assert_eq!(
        code_of(TokenRequest::parse(&form(&[("grant_type", "client_credentials"), ("client_id", "a")]), None)),
        InvalidRequest
    );
    let mut twice = form(&CODE_FORM);
    twice.push(("code".to_owned(), "d".to_owned()));
    assert_eq!(code_of(TokenRequest::parse(&twice, None)), InvalidRequest);
    let both = form_but(&CODE_FORM, "client_secret", "s");
    assert_eq!(code_of(TokenRequest::parse(&both, Some("Basic YTpi"))), InvalidRequest);
    let refresh = TokenRequest::parse(
        &form(&[("grant_type", "refresh_token"), ("refresh_token", "r"), ("client_id", "app")]),
        None,
    );
    assert_eq!(refresh.unwrap().grant, TokenGrant::RefreshToken { token: "r".to_owned(), scope: None });
}

#[test]
fn a_secret_is_checked_by_basic_and_by_form() {
    let client = symmetric();
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let attempt = |form: &[(String, String)], header: Option<&str>| {
        let credentials = Credentials::parse(form, header)?;
        authenticate(&credentials, Some(&client), None, TOKEN_URL, NOW)?.admit(true)
    };
    assert!(attempt(&[], Some(&basic("symmetric:s3cret"))).is_ok());
    assert!(attempt(&[], Some(&basic("symmetric:s3cret").replace("Basic", "basic"))).is_ok());
    assert!(attempt(&[], Some(&basic("symmetric:s%33cret"))).is_ok());
    assert!(attempt(&form(&[("client_id", "symmetric"), ("client_secret", "s3cret")]), None).is_ok());
    for header in ["symmetric:wrong", "symmetric:", "other:s3cret", "symmetric"] {
        let error = attempt(&[], Some(&basic(header))).unwrap_err();
        assert_eq!((error.code, error.is_basic_challenge), (OAuthErrorCode::InvalidClient, true), "{header}");
    }
    assert!(attempt(&[], Some("Basic %%%")).unwrap_err().is_basic_challenge);
    let error = attempt(&form(&[("client_id", "symmetric"), ("client_secret", "wrong")]), None).unwrap_err();
    assert!(!error.is_basic_challenge);
    assert!(attempt(&form(&[("client_id", "symmetric")]), None).is_err(), "no secret at all");
    assert!(attempt(&form(&[("client_id", "other")]), Some(&basic("symmetric:s3cret"))).is_err(), "two names");
    assert!(!format!("{:?}", Credentials::parse(&[], Some(&basic("symmetric:s3cret")))).contains("s3cret"));
}

#[test]
fn introspection_tells_the_owner_and_nobody_else() {
    let issued = exchange(&app(), &code("patient/*.rs offline_access"), NOW).unwrap();
    let record = &issued.access.record;
    let answer = introspect(Some(record), &admitted(&app()), NOW);
    assert_eq!(
        answer,
        json!({
            "active": true, "scope": "patient/*.rs offline_access", "client_id": "app", "exp": NOW.0 / 1000 + 3600,
            "iat": NOW.0 / 1000, "token_type": "Bearer", "patient": "p1",
        })
    );
    let inactive = json!({ "active": false });
    assert_eq!(introspect(None, &admitted(&app()), NOW), inactive);
    assert_eq!(introspect(Some(record), &admitted(&app()), later(3_600_000)), inactive);
    assert_eq!(introspect(Some(record), &admitted(&symmetric()), NOW), inactive);
    let administrator = admitted(&backend(Purpose::Administration, "system/CodeSystem.rs"));
    assert_eq!(introspect(Some(record), &administrator, NOW).get("active"), Some(&json!(true)));
}

#[test]
fn a_client_revokes_its_own_tokens_only() {
    let issued = exchange(&app(), &code("patient/*.rs"), NOW).unwrap();
    assert_eq!(issued.access.record.kind, TokenKind::Access);
    assert!(RevocationRequest::applies(&issued.access.record, &admitted(&app())));
    assert!(!RevocationRequest::applies(&issued.access.record, &admitted(&symmetric())));
    assert!(RevocationRequest::parse(&form(&[])).is_err());
}
