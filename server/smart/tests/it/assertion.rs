//! Client assertions (`private_key_jwt`): what is accepted and all that is not.

use crate::house::{
    JWKS_URL, NOW, TOKEN_URL, backend, backend_by_url, claims, form, header, key_set, keys, later, public_key, sign,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::Instant;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use policy::Purpose;
use serde_json::{Value, json};
use smart::{Admission, Client, Credentials, Jwks, OAuthError, OAuthErrorCode, authenticate};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn try_jwt(jwt: &str, client: &Client, keys: &Jwks, now: Instant) -> Result<Admission, OAuthError> {
    let form = form(&[("client_assertion_type", TYPE), ("client_assertion", jwt)]);
    let credentials = Credentials::parse(&form, None)?;
    authenticate(&credentials, Some(client), Some(keys), TOKEN_URL, now)
}

fn client() -> Client {
    backend(Purpose::DirectCare, "system/*.rs")
}

fn refused(jwt: &str, why: &str) {
    refused_with(jwt, &client(), &keys(), why);
}

fn refused_with(jwt: &str, client: &Client, keys: &Jwks, why: &str) {
    let error = try_jwt(jwt, client, keys, NOW).err().unwrap_or_else(|| panic!("accepted: {why}"));
    assert_eq!(error.code, OAuthErrorCode::InvalidClient, "{why}");
    assert!(error.description.contains(why), "{why}: {}", error.description);
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    claims
}

fn signed(claims: &Value) -> String {
    sign(&header(Algorithm::ES384, "ec"), claims)
}

#[test]
fn the_three_algorithms_are_accepted() {
    for (algorithm, kid) in [(Algorithm::ES384, "ec"), (Algorithm::RS384, "rsa"), (Algorithm::RS512, "rsa")] {
        let admission = try_jwt(&sign(&header(algorithm, kid), &claims()), &client(), &keys(), NOW).unwrap();
        let used = admission.assertion().unwrap();
        assert_eq!((used.issuer.as_str(), used.jti.as_str()), ("backend", "one"));
        assert!(used.expires > later(300_000), "remembered for as long as it could be replayed");
        assert!(admission.admit(true).is_ok());
    }
    let array = with("aud", json!(["https://other.example", TOKEN_URL]));
    assert!(try_jwt(&signed(&array), &client(), &keys(), NOW).is_ok());
}

#[test]
fn a_replay_is_refused() {
    let admission = try_jwt(&signed(&claims()), &client(), &keys(), NOW).unwrap();
    let error = admission.admit(false).unwrap_err();
    assert_eq!(error.code, OAuthErrorCode::InvalidClient);
}

#[test]
fn other_algorithms_are_refused() {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = format!("{}.{}.", part(json!({"alg": "none", "typ": "JWT", "kid": "ec"})), part(claims()));
    refused(&none, "`alg`");

    let public = public_key(Algorithm::RS384, "rsa").to_string();
    for (algorithm, secret) in [(Algorithm::HS256, public.as_bytes()), (Algorithm::HS384, b"secret")] {
        let mac =
            jsonwebtoken::encode(&header(algorithm, "rsa"), &claims(), &EncodingKey::from_secret(secret)).unwrap();
        refused(&mac, "`alg`");
    }
    refused(&sign(&header(Algorithm::RS256, "rsa"), &claims()), "`alg`");

    let stripped = signed(&claims());
    let (message, _) = stripped.rsplit_once('.').unwrap();
    refused(&format!("{message}."), "signature");
    let swapped =
        format!("{}.{}", message, sign(&header(Algorithm::RS384, "rsa"), &claims()).rsplit_once('.').unwrap().1);
    refused(&swapped, "signature");
    let changed = part(with("jti", json!("two")));
    let parts: Vec<&str> = stripped.split('.').collect();
    refused(&format!("{}.{changed}.{}", parts[0], parts[2]), "signature");
}

#[test]
fn the_header_must_name_type_and_key() {
    refused(&sign(&Header { kid: None, ..header(Algorithm::ES384, "ec") }, &claims()), "`kid`");
    refused(&sign(&header(Algorithm::ES384, ""), &claims()), "`kid`");
    refused(&sign(&Header { typ: None, ..header(Algorithm::ES384, "ec") }, &claims()), "`typ`");
    refused(&sign(&header(Algorithm::ES384, "unknown"), &claims()), "not exactly one");
    refused(&sign(&header(Algorithm::ES384, "rsa"), &claims()), "not exactly one");
    let jku = Header { jku: Some(JWKS_URL.to_owned()), ..header(Algorithm::ES384, "ec") };
    refused(&sign(&jku, &claims()), "`jku`");
}

#[test]
fn a_jku_must_be_the_registered_url() {
    let with_jku = |jku: &str| sign(&Header { jku: Some(jku.to_owned()), ..header(Algorithm::ES384, "ec") }, &claims());
    assert!(try_jwt(&with_jku(JWKS_URL), &backend_by_url(), &keys(), NOW).is_ok());
    refused_with(&with_jku("https://evil.example/jwks.json"), &backend_by_url(), &keys(), "`jku`");
}

#[test]
fn exactly_one_key_must_fit() {
    let jwt = signed(&claims());
    let (ec, rsa) = (public_key(Algorithm::ES384, "ec"), public_key(Algorithm::RS384, "ec"));
    let with_member = |name: &str, value: Value| {
        let mut key = ec.clone();
        key.as_object_mut().unwrap().insert(name.to_owned(), value);
        key
    };
    let fits = |keys: &[Value]| try_jwt(&jwt, &client(), &key_set(keys), NOW).is_ok();
    assert!(fits(std::slice::from_ref(&ec)));
    assert!(fits(&[ec.clone(), rsa]), "the kind of key tells them apart");
    assert!(!fits(&[ec.clone(), ec.clone()]), "two keys match");
    assert!(!fits(&[]));
    assert!(!fits(&[with_member("use", json!("enc"))]));
    assert!(!fits(&[with_member("alg", json!("ES256"))]));
    assert!(!fits(&[with_member("key_ops", json!(["encrypt"]))]));
    assert!(!fits(&[with_member("crv", json!("P-256"))]));
}

#[test]
fn claims_must_hold() {
    let now_s = NOW.0 / 1000;
    for (name, value, why) in [
        ("aud", json!("https://weir.example/fhir"), "`aud`"),
        ("aud", json!(format!("{TOKEN_URL}/")), "`aud`"),
        ("aud", Value::Null, "`aud`"),
        ("iss", json!("other"), "`iss`"),
        ("sub", json!("other"), "`iss`"),
        ("sub", Value::Null, "`iss`"),
        ("jti", Value::Null, "`jti`"),
        ("jti", json!(""), "`jti`"),
        ("jti", json!("x".repeat(256)), "`jti`"),
        ("exp", Value::Null, "`exp`"),
        ("exp", json!("soon"), "`exp`"),
        ("exp", json!(now_s + 311), "five minutes"),
        ("exp", json!(now_s - 10), "expired"),
        ("exp", json!(1e300), "`exp`"),
        ("nbf", json!(now_s + 60), "future"),
        ("iat", json!(now_s + 60), "future"),
    ] {
        refused(&signed(&with(name, value)), why);
    }
    assert!(
        try_jwt(&signed(&with("exp", json!(now_s + 310))), &client(), &keys(), NOW).is_ok(),
        "a little skew is allowed"
    );
}

#[test]
fn another_clients_assertion_is_refused() {
    let mut claims = claims();
    claims["iss"] = json!("other");
    claims["sub"] = json!("other");
    refused_with(&signed(&claims), &client(), &keys(), "not known");

    let jwt = signed(&crate::house::claims());
    let form = form(&[("client_assertion_type", TYPE), ("client_assertion", &jwt), ("client_id", "other")]);
    assert_eq!(Credentials::parse(&form, None).unwrap_err().code, OAuthErrorCode::InvalidClient);
}

#[test]
fn malformed_assertions_are_refused() {
    for jwt in ["", "a", "a.b", "a.b.c", "a.b.c.d", "e30.e30.e30", "bnVsbA.e30.", &"a".repeat(20_000)] {
        let form = form(&[("client_assertion_type", TYPE), ("client_assertion", jwt)]);
        assert_eq!(Credentials::parse(&form, None).unwrap_err().code, OAuthErrorCode::InvalidClient, "{jwt}");
    }
    let jwt = signed(&claims());
    let wrong_type = form(&[("client_assertion_type", "urn:other"), ("client_assertion", &jwt)]);
    assert_eq!(Credentials::parse(&wrong_type, None).unwrap_err().code, OAuthErrorCode::InvalidClient);
    let no_type = form(&[("client_assertion", &jwt)]);
    assert_eq!(Credentials::parse(&no_type, None).unwrap_err().code, OAuthErrorCode::InvalidClient);
}

#[test]
fn unsafe_key_sets_are_refused() {
    let mut private = public_key(Algorithm::ES384, "ec");
    private["d"] = json!("secret");
    let many: Vec<Value> = (0..101).map(public_key_named).collect();
    for set in [
        json!({ "keys": [private] }),
        json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0", "kid": "a" }] }),
        json!({ "keys": many }),
        json!({}),
        json!([]),
    ] {
        assert!(Jwks::parse(&set.to_string()).is_err());
    }
    assert!(Jwks::parse("not JSON").is_err());
    let short = json!({ "keys": [{ "kty": "RSA", "kid": "a", "n": URL_SAFE_NO_PAD.encode([255; 128]), "e": "AQAB" }] });
    assert!(Jwks::parse(&short.to_string()).unwrap().is_empty(), "RSA of 1024 bits is left out");
    assert!(keys().has("ec") && !keys().has("none"));
}

fn public_key_named(number: usize) -> Value {
    json!({ "kty": "EC", "crv": "P-384", "kid": number.to_string(), "x": "AA", "y": "AA" })
}

#[test]
fn a_client_must_authenticate_as_it_is_registered() {
    let public = Credentials::parse(&form(&[("client_id", "backend")]), None).unwrap();
    assert!(authenticate(&public, Some(&client()), Some(&keys()), TOKEN_URL, NOW).is_err());
    let jwt = signed(&claims());
    let form = form(&[("client_assertion_type", TYPE), ("client_assertion", &jwt)]);
    let credentials = Credentials::parse(&form, None).unwrap();
    assert_eq!(credentials.kid(), Some("ec"));
    assert!(authenticate(&credentials, Some(&client()), None, TOKEN_URL, NOW).is_err(), "no keys");
    assert!(authenticate(&credentials, None, Some(&keys()), TOKEN_URL, NOW).is_err(), "no client");
}
