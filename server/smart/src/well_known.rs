//! The document at `[base]/.well-known/smart-configuration`. It claims what works and nothing else: no OpenID Connect, so no issuer.

use crate::jwks::SigningAlgorithm;
use crate::server::Server;
use serde_json::{Value, json};

const CAPABILITIES: [&str; 12] = [
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
];

const EHR_CAPABILITIES: [&str; 3] = ["launch-ehr", "context-ehr-patient", "context-ehr-encounter"];

const SCOPES: [&str; 8] = [
    "launch/patient",
    "offline_access",
    "online_access",
    "patient/*.rs",
    "patient/*.cruds",
    "user/*.rs",
    "user/*.cruds",
    "system/*.rs",
];

/// Builds the document.
pub fn smart_configuration(server: &Server) -> Value {
    let ehr = if server.offers_ehr_launch { &EHR_CAPABILITIES[..] } else { &[] };
    let capabilities: Vec<&str> = ehr.iter().chain(&CAPABILITIES).copied().collect();
    let scopes: Vec<&str> = server.offers_ehr_launch.then_some("launch").into_iter().chain(SCOPES).collect();
    let algorithms = SigningAlgorithm::ALL.map(SigningAlgorithm::as_str);
    let mut document = json!({
        "authorization_endpoint": server.authorize_url,
        "token_endpoint": server.token_url,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": scopes,
        "capabilities": capabilities,
    });
    let optional = [
        ("introspection_endpoint", &server.introspect_url),
        ("revocation_endpoint", &server.revoke_url),
        ("management_endpoint", &server.management_url),
    ];
    if let Value::Object(members) = &mut document {
        for (name, url) in optional {
            if let Some(url) = url {
                members.insert(name.to_owned(), json!(url));
            }
        }
    }
    document
}
