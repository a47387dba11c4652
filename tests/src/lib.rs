//! A running Weir to test against: the real server on a free port of this machine, its clients, logins and synthetic people.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too"
)]

mod app;
mod browser;
mod client;
mod client_key;
mod each_database;
mod http;
mod people;

pub use app::{TestApp, http_client};
pub use browser::{APP_REDIRECT, Browser, Form, Launched, PASSWORD, Pkce, parameter};
pub use client::Registered;
pub use client_key::{ClientKey, assertion_claims, unsigned};
pub use each_database::{on_each, on_each_own, on_postgres_through, on_sqlite};
pub use http::{Answer, Api, Call};
pub use people::{Person, consent, label, observation, unique};
