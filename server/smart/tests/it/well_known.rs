//! The discovery document claims what works.

use crate::house::server;
use serde_json::Value;
use smart::smart_configuration;

#[test]
fn every_required_field_is_there_and_nothing_is_claimed_that_does_not_work() {
    let document = smart_configuration(&server());
    let list =
        |name: &str| -> Vec<&str> { document[name].as_array().unwrap().iter().filter_map(Value::as_str).collect() };
    for name in ["authorization_endpoint", "token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
        assert!(document[name].as_str().unwrap().starts_with("https://weir.example/auth/"), "{name}");
    }
    assert_eq!(list("code_challenge_methods_supported"), ["S256"]);
    assert_eq!(list("grant_types_supported"), ["authorization_code", "client_credentials"]);
    assert_eq!(list("token_endpoint_auth_signing_alg_values_supported"), ["RS384", "ES384", "RS512"]);
    for needed in [
        "launch-ehr",
        "launch-standalone",
        "client-public",
        "client-confidential-asymmetric",
        "permission-v1",
        "permission-v2",
    ] {
        assert!(list("capabilities").contains(&needed), "{needed}");
    }
    for absent in ["issuer", "jwks_uri", "registration_endpoint"] {
        assert!(document.get(absent).is_none(), "{absent}");
    }
    assert!(!list("capabilities").contains(&"sso-openid-connect"));
    let mut without = server();
    without.offers_ehr_launch = false;
    without.revoke_url = None;
    let document = smart_configuration(&without);
    assert!(!document["capabilities"].to_string().contains("ehr"));
    assert!(document.get("revocation_endpoint").is_none());
}
