//! Behaviour of the policy crate through its public API: decisions, releases, scopes and export rules.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod consent;
mod decide;
mod export;
mod release;
mod scopes;
mod small_rules;
mod system_token;
