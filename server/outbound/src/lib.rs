//! Every call that leaves Weir: time-outs, size limits, address guard.
//!
//! A URL can come from outside (a client's JWKS URL), so a call must not become a way to reach what stands behind the server: redirects are
//! not followed, and private, loopback and link-local addresses are refused unless configuration allows them.

mod call;
mod error;
mod guard;

pub use call::{Call, Limits, Outbound, Response};
pub use error::OutboundError;
