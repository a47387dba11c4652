//! A key pair of a backend service: what its owner would make once and keep.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p384::ecdsa::SigningKey;
use p384::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::{Value, json};

/// A P-384 key (ES384, which every SMART server must take) with its key id.
pub(super) struct ClientKey {
    signing: EncodingKey,
    public: Value,
    kid: String,
}

impl ClientKey {
    /// Makes a key from 48 random bytes.
    pub(super) fn from_random(random: [u8; 48], kid: &str) -> Result<ClientKey> {
        let key = SigningKey::from_slice(&random).context("the random bytes are not a P-384 key")?;
        let pem = key.to_pkcs8_pem(LineEnding::LF).context("write the private key")?;
        let point = key.verifying_key().to_encoded_point(false);
        let coordinate =
            |bytes: Option<&p384::FieldBytes>| bytes.map(|b| URL_SAFE_NO_PAD.encode(b)).unwrap_or_default();
        let public = json!({
            "kty": "EC", "crv": "P-384", "use": "sig", "alg": "ES384", "kid": kid,
            "x": coordinate(point.x()), "y": coordinate(point.y()),
        });
        let signing = EncodingKey::from_ec_pem(pem.as_bytes()).context("read the private key")?;
        Ok(ClientKey { signing, public, kid: kid.to_owned() })
    }

    /// The public half as a JSON Web Key Set.
    pub(super) fn jwks(&self) -> Value {
        json!({"keys": [self.public]})
    }

    /// A client assertion for the token endpoint, good for one use within a minute.
    pub(super) fn assertion(&self, client_id: &str, token_url: &str, now_s: i64, jti: &str) -> Result<String> {
        let mut header = Header::new(Algorithm::ES384);
        header.kid = Some(self.kid.clone());
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": token_url, "iat": now_s, "exp": now_s + 60, "jti": jti,
        });
        jsonwebtoken::encode(&header, &claims, &self.signing).context("sign the client assertion")
    }
}
