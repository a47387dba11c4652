//! Keys of backend services, and assertions signed with them as they should and should not be.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p384::ecdsa::SigningKey;
use p384::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::{Value, json};

use crate::unique;

/// A P-384 key under the id `key`.
pub struct ClientKey {
    signing: EncodingKey,
    public: Value,
}

impl ClientKey {
    /// The key that these bytes give; each number gives another.
    pub fn numbered(number: u8) -> ClientKey {
        let key = SigningKey::from_slice(&[number; 48]).unwrap();
        let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
        let point = key.verifying_key().to_encoded_point(false);
        let public = json!({
            "kty": "EC", "crv": "P-384", "use": "sig", "alg": "ES384", "kid": "key",
            "x": URL_SAFE_NO_PAD.encode(point.x().unwrap()), "y": URL_SAFE_NO_PAD.encode(point.y().unwrap()),
        });
        ClientKey { signing: EncodingKey::from_ec_pem(pem.as_bytes()).unwrap(), public }
    }

    /// The public half as a JSON Web Key Set.
    pub fn jwks(&self) -> String {
        json!({"keys": [self.public]}).to_string()
    }

    /// Signs claims.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES384);
        header.kid = Some("key".to_owned());
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap()
    }
}

/// What a good assertion says; a test spoils one of them.
pub fn assertion_claims(client_id: &str, token_url: &str) -> Value {
    let now_s = app::wiring::now().0 / 1000;
    let jti = unique("jti");
    json!({"iss": client_id, "sub": client_id, "aud": token_url, "iat": now_s, "exp": now_s + 60, "jti": jti})
}

/// A JWT whose header names an algorithm and whose signature is as given.
pub fn unsigned(alg: &str, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": alg, "typ": "JWT", "kid": "key"});
    format!("{}.{}.{}", part(&header), part(claims), URL_SAFE_NO_PAD.encode(signature))
}
