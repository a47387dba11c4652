//! Behaviour of the SMART protocol through its public API, refusals above all. Both private keys here are for these tests only.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod assertion;
mod authorize;
mod house;
mod sessions;
mod tokens;
mod well_known;
