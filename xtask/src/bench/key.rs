//! The key with which the bench proves who it is, and the token that it gets for it.
//! <https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html>

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::http::Target;

/// What the client may do.
pub(crate) const SCOPE: &str = "system/*.cruds";

const ASSERTION_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

/// A P-384 key with the id of the client that has it.
pub(crate) struct Key {
    /// Client id, another each time.
    pub(crate) client_id: String,
    pair: EcdsaKeyPair,
}

impl Key {
    /// Makes one.
    pub(crate) fn new() -> Result<Key> {
        let client_id = format!("bench-{}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos());
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new());
        let document = document.map_err(|_| anyhow!("make a key"))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, document.as_ref(), &SystemRandom::new());
        Ok(Key { client_id, pair: pair.map_err(|error| anyhow!("read the key: {error}"))? })
    }

    /// The public half as a JSON Web Key Set.
    pub(crate) fn jwks(&self) -> Value {
        // An uncompressed point: 4, then both coordinates of 48 bytes.
        let point = self.pair.public_key().as_ref();
        let coordinate = |from: usize| URL_SAFE_NO_PAD.encode(point.get(from..from + 48).unwrap_or_default());
        let (x, y) = (coordinate(1), coordinate(49));
        json!({"keys": [{"kty": "EC", "crv": "P-384", "use": "sig", "alg": "ES384", "kid": "bench", "x": x, "y": y}]})
    }

    /// Gets a token from a server; good for as long as it gives tokens to backend services.
    pub(crate) async fn token(&self, server: &Target) -> Result<String> {
        let endpoint = Target { base_path: String::new(), token: String::new(), ..server.clone() };
        let assertion = self.assertion(&format!("http://{}/auth/token", server.address))?;
        let scope = SCOPE.replace('/', "%2F").replace('*', "%2A");
        let form = format!(
            "grant_type=client_credentials&scope={scope}&client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}"
        );
        let (status, body) = endpoint.call("POST", "/auth/token", form.as_bytes()).await?;
        let answer: Value = serde_json::from_str(&body).with_context(|| format!("the token endpoint said {status}"))?;
        answer
            .get("access_token")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .with_context(|| format!("no token ({status}): {body}"))
    }

    fn assertion(&self, token_url: &str) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let header = json!({"alg": "ES384", "typ": "JWT", "kid": "bench"});
        let claims = json!({
            "iss": self.client_id, "sub": self.client_id, "aud": token_url, "iat": now.as_secs(), "exp": now.as_secs() + 60,
            "jti": now.as_nanos().to_string(),
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| anyhow!("sign"))?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
