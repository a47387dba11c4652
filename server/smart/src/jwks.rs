//! Public key sets of clients (RFC 7517), and the choice of the one key that an assertion was signed with.

use crate::error::SmartError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// A larger set is a mistake or an attack.
const KEY_COUNT_MAX: usize = 100;

/// RSA below 2048 bits is not accepted.
const RSA_MODULUS_BYTES_MIN: usize = 256;

/// The signature algorithms that a client may use: SMART names the first two, the NHS API platform the third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// RSA with SHA-384.
    Rs384,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSA with SHA-512.
    Rs512,
}

impl SigningAlgorithm {
    /// Every one, as the well-known document lists them.
    pub const ALL: [SigningAlgorithm; 3] = [SigningAlgorithm::Rs384, SigningAlgorithm::Es384, SigningAlgorithm::Rs512];

    /// Returns the name in a JWT header.
    pub fn as_str(self) -> &'static str {
        match self {
            SigningAlgorithm::Rs384 => "RS384",
            SigningAlgorithm::Es384 => "ES384",
            SigningAlgorithm::Rs512 => "RS512",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<SigningAlgorithm> {
        SigningAlgorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }

    pub(crate) fn library(self) -> Algorithm {
        match self {
            SigningAlgorithm::Rs384 => Algorithm::RS384,
            SigningAlgorithm::Es384 => Algorithm::ES384,
            SigningAlgorithm::Rs512 => Algorithm::RS512,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: String, e: String },
    P384 { x: String, y: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PublicKey {
    kid: String,
    alg: Option<String>,
    material: Material,
}

impl PublicKey {
    fn serves(&self, algorithm: SigningAlgorithm) -> bool {
        let is_kind = match algorithm {
            SigningAlgorithm::Rs384 | SigningAlgorithm::Rs512 => matches!(self.material, Material::Rsa { .. }),
            SigningAlgorithm::Es384 => matches!(self.material, Material::P384 { .. }),
        };
        is_kind && self.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str())
    }
}

/// The usable keys of a set: RSA of 2048 bits or more, and P-384. Others are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jwks {
    keys: Vec<PublicKey>,
}

impl Jwks {
    /// Parses a key set. One with private or symmetric keys is refused: such a key is no secret any more.
    pub fn parse(text: &str) -> Result<Jwks, SmartError> {
        let value: Value = serde_json::from_str(text).map_err(|error| SmartError::KeySet(error.to_string()))?;
        let keys = value.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or_else(|| SmartError::KeySet("it has no array `keys`".to_owned()))?;
        if keys.len() > KEY_COUNT_MAX {
            return Err(SmartError::KeySet(format!("it has more than {KEY_COUNT_MAX} keys")));
        }
        if keys.iter().any(|key| key.get("d").is_some() || text_of(key, "kty") == Some("oct")) {
            return Err(SmartError::KeySet("it holds a private or symmetric key: publish public keys only".to_owned()));
        }
        Ok(Jwks { keys: keys.iter().filter_map(public_key).collect() })
    }

    /// Says whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Says whether a key with the id is here. If not, a set from a URL may be older than the key: fetch it once more.
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid == kid)
    }

    /// Returns the one key with the id that fits the algorithm; `None` when there is none or more than one.
    pub(crate) fn select(&self, kid: &str, algorithm: SigningAlgorithm) -> Option<DecodingKey> {
        let mut fitting = self.keys.iter().filter(|key| key.kid == kid && key.serves(algorithm));
        let key = fitting.next()?;
        if fitting.next().is_some() {
            return None;
        }
        match &key.material {
            Material::Rsa { n, e } => DecodingKey::from_rsa_components(n, e).ok(),
            Material::P384 { x, y } => DecodingKey::from_ec_components(x, y).ok(),
        }
    }
}

fn public_key(key: &Value) -> Option<PublicKey> {
    let is_for_signing = text_of(key, "use").is_none_or(|purpose| purpose == "sig");
    let operations = key.get("key_ops").and_then(Value::as_array);
    let can_verify = operations.is_none_or(|all| all.iter().any(|operation| operation == "verify"));
    if !is_for_signing || !can_verify {
        return None;
    }
    let material = match text_of(key, "kty")? {
        "RSA" => {
            let n = text_of(key, "n")?;
            let modulus = URL_SAFE_NO_PAD.decode(n).ok()?;
            let length = modulus.iter().skip_while(|byte| **byte == 0).count();
            (length >= RSA_MODULUS_BYTES_MIN).then_some(())?;
            Material::Rsa { n: n.to_owned(), e: text_of(key, "e")?.to_owned() }
        }
        "EC" if text_of(key, "crv") == Some("P-384") => {
            Material::P384 { x: text_of(key, "x")?.to_owned(), y: text_of(key, "y")?.to_owned() }
        }
        _ => return None,
    };
    Some(PublicKey { kid: text_of(key, "kid")?.to_owned(), alg: text_of(key, "alg").map(str::to_owned), material })
}

fn text_of<'a>(key: &'a Value, name: &str) -> Option<&'a str> {
    key.get(name).and_then(Value::as_str)
}
