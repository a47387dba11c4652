//! Control data through sea-orm: clients, users, sessions, codes, tokens, launches and keys.
//!
//! Whoever calls makes the hashes, the randomness and the moments; nothing here sees a password, a token or a code in
//! plain. Every single use (of a code, a refresh token, a launch, an assertion) is one conditional statement, so that of
//! two at the same moment, on the same machine or not, one is refused.

mod assertion;
mod client;
mod code;
mod connection;
mod expire;
mod key;
mod launch;
mod list;
mod open;
mod session;
mod token;
mod token_cache;
mod user;

pub use client::{Client, ClientKind};
pub use code::{Code, CodeUse};
pub use key::Key;
pub use launch::Launch;
pub use open::Control;
pub use session::Session;
pub use token::{RefreshUse, Token, TokenKind};
pub use user::{User, UserRole};
