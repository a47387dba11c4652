//! Client assertions: `private_key_jwt` by RFC 7523 and SMART "client-confidential-asymmetric".
//!
//! Every failure is `invalid_client`. The algorithm decides which kinds of key are looked at, so that neither `none` nor a MAC over
//! a public key can pass.

use crate::client::Client;
use crate::error::OAuthError;
use crate::jwks::{Jwks, SigningAlgorithm};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::Instant;
use serde_json::Value;

/// An assertion may say that it holds for five minutes at most.
const LIFE_MAX_MS: i64 = 5 * 60 * 1000;

/// How far the clocks may be apart.
const SKEW_MS: i64 = 10_000;

const LENGTH_MAX: usize = 16 * 1024;

const JTI_LENGTH_MAX: usize = 255;

/// An assertion that was read and not yet verified.
#[derive(Debug, Clone)]
pub struct Assertion {
    algorithm: SigningAlgorithm,
    kid: String,
    jku: Option<String>,
    issuer: String,
    audience: Vec<String>,
    expires: Instant,
    not_before: Option<Instant>,
    issued: Option<Instant>,
    jti: String,
    message: String,
    signature: String,
}

/// The use of an assertion, to be remembered until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionUse {
    /// The client.
    pub issuer: String,
    /// The assertion's own id.
    pub jti: String,
    /// Until when it must be remembered.
    pub expires: Instant,
}

impl Assertion {
    /// Reads an assertion without trusting it.
    pub fn parse(jwt: &str) -> Result<Assertion, OAuthError> {
        if jwt.len() > LENGTH_MAX {
            return refuse("the assertion is too long");
        }
        let mut parts = jwt.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return refuse("the assertion is not a JWT of three parts");
        };
        let message = format!("{header}.{claims}");
        let (header, claims) = (object(header, "header")?, object(claims, "claims")?);
        let Some(algorithm) = text(&header, "alg").and_then(SigningAlgorithm::parse) else {
            return refuse("the assertion's `alg` must be RS384, ES384 or RS512");
        };
        if !text(&header, "typ").is_some_and(|typ| typ.eq_ignore_ascii_case("JWT")) {
            return refuse("the assertion's header must say `typ` JWT");
        }
        if header.get("crit").is_some() {
            return refuse("the assertion has critical header parameters, which are not supported");
        }
        let Some(kid) = text(&header, "kid").filter(|kid| !kid.is_empty()) else {
            return refuse("the assertion's header has no `kid`");
        };
        let issuer = required(&claims, "iss")?;
        if text(&claims, "sub") != Some(issuer) {
            return refuse("the assertion's `iss` and `sub` must both be the client id");
        }
        let jti = required(&claims, "jti")?;
        if jti.len() > JTI_LENGTH_MAX {
            return refuse("the assertion's `jti` is too long");
        }
        let Some(expires) = moment(&claims, "exp")? else {
            return refuse("the assertion has no `exp`");
        };
        Ok(Assertion {
            algorithm,
            kid: kid.to_owned(),
            jku: text(&header, "jku").map(str::to_owned),
            issuer: issuer.to_owned(),
            audience: audience(&claims),
            expires,
            not_before: moment(&claims, "nbf")?,
            issued: moment(&claims, "iat")?,
            jti: jti.to_owned(),
            message,
            signature: signature.to_owned(),
        })
    }

    /// Returns the client that the assertion claims to be of.
    pub fn client_id(&self) -> &str {
        &self.issuer
    }

    /// Returns the id of the key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Verifies the assertion for a client, with the client's registered or fetched keys.
    pub fn verify(
        &self,
        client: &Client,
        keys: &Jwks,
        token_url: &str,
        now: Instant,
    ) -> Result<AssertionUse, OAuthError> {
        if self.issuer != client.client_id {
            return refuse("the assertion is another client's");
        }
        if self.jku.as_deref().is_some_and(|jku| client.jwks_url() != Some(jku)) {
            return refuse("the assertion's `jku` is not the registered key set URL");
        }
        if !self.audience.iter().any(|audience| audience == token_url) {
            return refuse("the assertion's `aud` must be the token endpoint's URL");
        }
        self.check_times(now)?;
        let Some(key) = keys.select(&self.kid, self.algorithm) else {
            return refuse("not exactly one registered key has the assertion's `kid` and fits its `alg`");
        };
        let is_signed =
            jsonwebtoken::crypto::verify(&self.signature, self.message.as_bytes(), &key, self.algorithm.library());
        if !is_signed.unwrap_or(false) {
            return refuse("the assertion's signature does not verify");
        }
        let expires = Instant(self.expires.0.saturating_add(SKEW_MS));
        Ok(AssertionUse { issuer: self.issuer.clone(), jti: self.jti.clone(), expires })
    }

    fn check_times(&self, now: Instant) -> Result<(), OAuthError> {
        if self.expires.0.saturating_add(SKEW_MS) <= now.0 {
            return refuse("the assertion has expired");
        }
        if self.expires.0 > now.0.saturating_add(LIFE_MAX_MS + SKEW_MS) {
            return refuse("the assertion's `exp` must be at most five minutes ahead");
        }
        let is_future = |at: Option<Instant>| at.is_some_and(|at| at.0 > now.0.saturating_add(SKEW_MS));
        if is_future(self.not_before) || is_future(self.issued) {
            return refuse("the assertion's `nbf` or `iat` lies in the future");
        }
        Ok(())
    }
}

fn refuse<T>(description: &str) -> Result<T, OAuthError> {
    Err(OAuthError::client(description))
}

fn object(part: &str, what: &str) -> Result<Value, OAuthError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok();
    let value = bytes.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()).filter(Value::is_object);
    value.ok_or_else(|| OAuthError::client(format!("the assertion's {what} is not a JSON object in base64url")))
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

fn required<'a>(claims: &'a Value, name: &str) -> Result<&'a str, OAuthError> {
    let value = text(claims, name).filter(|value| !value.is_empty());
    value.ok_or_else(|| OAuthError::client(format!("the assertion has no `{name}`")))
}

fn audience(claims: &Value) -> Vec<String> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Reads a NumericDate, which may have a fraction.
fn moment(claims: &Value, name: &str) -> Result<Option<Instant>, OAuthError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| seconds.is_finite() && (0.0..1e11).contains(seconds));
    match seconds {
        Some(seconds) => Ok(Some(Instant((seconds * 1000.0) as i64))),
        None => refuse(&format!("the assertion's `{name}` is not a time in seconds")),
    }
}
