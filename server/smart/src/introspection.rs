//! Token introspection: RFC 7662 with SMART's launch context.

use crate::client_auth::AuthenticatedClient;
use crate::error::OAuthError;
use crate::params::Params;
use crate::token::{TokenKind, TokenRecord};
use fhir::Instant;
use policy::Purpose;
use serde_json::{Map, Value, json};

/// A question about a token.
#[derive(Clone)]
pub struct IntrospectionRequest {
    /// The token.
    pub token: String,
}

impl IntrospectionRequest {
    /// Reads the form.
    pub fn parse(form: &[(String, String)]) -> Result<IntrospectionRequest, OAuthError> {
        Ok(IntrospectionRequest { token: Params(form).required("token")?.to_owned() })
    }
}

/// Answers a question of an authenticated client. Unknown, expired, revoked and other clients' tokens are all just not active; an
/// administration client may ask about any.
pub fn introspect(record: Option<&TokenRecord>, asker: &AuthenticatedClient, now: Instant) -> Value {
    let asker = asker.client();
    let is_allowed =
        |record: &&TokenRecord| record.client_id == asker.client_id || asker.purpose == Purpose::Administration;
    let Some(record) = record.filter(is_allowed).filter(|record| record.is_live(now)) else {
        return json!({ "active": false });
    };
    let mut answer = Map::new();
    answer.insert("active".to_owned(), json!(true));
    answer.insert("scope".to_owned(), json!(record.scopes));
    answer.insert("client_id".to_owned(), json!(record.client_id));
    answer.insert("exp".to_owned(), json!(record.expires.0 / 1000));
    answer.insert("iat".to_owned(), json!(record.created.0 / 1000));
    if record.kind == TokenKind::Access {
        answer.insert("token_type".to_owned(), json!("Bearer"));
    }
    record.context.write_to(&mut answer);
    Value::Object(answer)
}
