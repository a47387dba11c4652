//! Login sessions of people in a browser, and the token that guards their forms against forgery.

use crate::handle::{Handle, handle_hash, is_same_secret};
use crate::server::{Server, after};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::Instant;

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSession {
    /// Who logged in.
    pub user: String,
    /// When.
    pub created: Instant,
    /// Until when it holds.
    pub expires: Instant,
}

/// A fresh session; its handle goes into a cookie that is HttpOnly, Secure and SameSite.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The handle.
    pub handle: Handle,
    /// What is stored.
    pub session: LoginSession,
}

impl NewSession {
    /// Makes a session. Every login makes a new one: an old handle is never taken over.
    pub fn new(user: &str, random: [u8; 32], server: &Server, now: Instant) -> NewSession {
        let expires = after(now, server.lives.session_s);
        NewSession {
            handle: Handle::new(random),
            session: LoginSession { user: user.to_owned(), created: now, expires },
        }
    }
}

/// Returns the token for the forms of a session (or of a cookie set before login), derived so that it need not be stored.
pub fn csrf_token(session_handle: &str) -> String {
    URL_SAFE_NO_PAD.encode(handle_hash(&format!("weir form token\n{session_handle}")))
}

/// Says whether a form's token belongs to the session.
pub fn is_csrf_token(token: &str, session_handle: &str) -> bool {
    is_same_secret(token.as_bytes(), csrf_token(session_handle).as_bytes())
}
