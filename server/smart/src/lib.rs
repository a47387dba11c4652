//! SMART App Launch 2.2 and Backend Services: the protocol only. No HTTP, no storage, no clock and no randomness of its own.
//!
//! The order of a call: parse the request, look up the client and the record it names, check, and store what comes back *before*
//! answering. Codes, tokens, launches and sessions are random handles of which only the SHA-256 is ever stored.
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/>.

mod assertion;
mod authorize;
mod client;
mod client_auth;
mod code;
mod context;
mod error;
mod handle;
mod introspection;
mod issue;
mod jwks;
mod launch;
mod lockout;
mod params;
mod password;
mod pkce;
mod registration;
mod revocation;
mod server;
mod session;
mod token;
mod token_request;
mod well_known;

pub use assertion::{Assertion, AssertionUse};
pub use authorize::{
    Approval, AuthorizeError, AuthorizeRequest, CodeRandomness, LoggedIn, authorize, requested_client_id,
};
pub use client::{Authentication, Client, KeySource};
pub use client_auth::{Admission, AuthenticatedClient, Credentials, authenticate};
pub use code::{CodeRecord, NewCode};
pub use context::LaunchContext;
pub use error::{OAuthError, OAuthErrorCode, SmartError};
pub use handle::{Handle, handle_hash, is_same_secret, secret_hash};
pub use introspection::{IntrospectionRequest, introspect};
pub use issue::{Issuance, Issued, NewToken, TokenRandomness, client_credentials, exchange_code, refresh};
pub use jwks::{Jwks, SigningAlgorithm};
pub use launch::{LaunchRecord, NewLaunch};
pub use lockout::{is_login_allowed, locked_until};
pub use password::{password_hash, verify_password};
pub use revocation::RevocationRequest;
pub use server::{Lives, Server};
pub use session::{LoginSession, NewSession, csrf_token, is_csrf_token};
pub use token::{TokenKind, TokenRecord};
pub use token_request::{TokenGrant, TokenRequest};
pub use well_known::smart_configuration;
