//! A server, clients and keys for the other modules.

use fhir::Instant;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use policy::{Purpose, Scopes};
use serde_json::{Value, json};
use smart::{Authentication, Client, Jwks, KeySource, Server, secret_hash};

pub(crate) const NOW: Instant = Instant(1_700_000_000_000);
pub(crate) const TOKEN_URL: &str = "https://weir.example/auth/token";
pub(crate) const REDIRECT: &str = "https://app.example/back?tab=1";
pub(crate) const JWKS_URL: &str = "https://backend.example/jwks.json";

pub(crate) fn later(ms: i64) -> Instant {
    Instant(NOW.0 + ms)
}

pub(crate) fn server() -> Server {
    Server::new("https://weir.example/fhir", "https://weir.example/auth/")
}

pub(crate) fn client(id: &str, authentication: Authentication, purpose: Purpose, scopes: &str) -> Client {
    Client {
        client_id: id.to_owned(),
        name: id.to_owned(),
        authentication,
        redirect_uris: vec![REDIRECT.to_owned()],
        launch_urls: vec!["https://app.example/launch".to_owned()],
        scopes: Scopes::parse(scopes).unwrap(),
        purpose,
        organisation: None,
        origins: vec!["https://app.example".to_owned()],
        created: NOW,
    }
}

pub(crate) const APP_SCOPES: &str =
    "launch launch/patient offline_access online_access patient/*.rs user/Observation.rs";

pub(crate) fn app() -> Client {
    client("app", Authentication::Public, Purpose::DirectCare, APP_SCOPES)
}

pub(crate) fn symmetric() -> Client {
    let authentication = Authentication::Symmetric { secret_hash: secret_hash("s3cret") };
    client("symmetric", authentication, Purpose::DirectCare, APP_SCOPES)
}

pub(crate) fn backend(purpose: Purpose, scopes: &str) -> Client {
    client("backend", Authentication::Asymmetric(KeySource::Inline(keys())), purpose, scopes)
}

pub(crate) fn backend_by_url() -> Client {
    let source = KeySource::Url(JWKS_URL.to_owned());
    client("backend", Authentication::Asymmetric(source), Purpose::DirectCare, "system/*.rs")
}

fn signing_key(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::ES384 => EncodingKey::from_ec_pem(include_bytes!("test_key_es384.pem")).unwrap(),
        _ => EncodingKey::from_rsa_pem(include_bytes!("test_key_rs384.pem")).unwrap(),
    }
}

/// The public part of a test key, as the client would publish it.
pub(crate) fn public_key(algorithm: Algorithm, kid: &str) -> Value {
    let mut key = serde_json::to_value(Jwk::from_encoding_key(&signing_key(algorithm), algorithm).unwrap()).unwrap();
    let members = key.as_object_mut().unwrap();
    members.retain(|name, _| ["kty", "n", "e", "crv", "x", "y"].contains(&name.as_str()));
    members.insert("kid".to_owned(), json!(kid));
    key
}

pub(crate) fn key_set(keys: &[Value]) -> Jwks {
    Jwks::parse(&json!({ "keys": keys }).to_string()).unwrap()
}

pub(crate) fn keys() -> Jwks {
    key_set(&[public_key(Algorithm::ES384, "ec"), public_key(Algorithm::RS384, "rsa")])
}

pub(crate) fn header(algorithm: Algorithm, kid: &str) -> Header {
    Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) }
}

pub(crate) fn claims() -> Value {
    let now_s = NOW.0 / 1000;
    json!({ "iss": "backend", "sub": "backend", "aud": TOKEN_URL, "exp": now_s + 300, "iat": now_s, "jti": "one" })
}

pub(crate) fn sign(header: &Header, claims: &Value) -> String {
    jsonwebtoken::encode(header, claims, &signing_key(header.alg)).unwrap()
}

pub(crate) fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The pairs with one of them replaced, or left out when the value is `-`.
pub(crate) fn form_but(pairs: &[(&str, &str)], name: &str, value: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = pairs.iter().copied().filter(|(own, _)| *own != name).collect();
    if value != "-" {
        pairs.push((name, value));
    }
    form(&pairs)
}
