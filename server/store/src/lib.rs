//! Versions, history, search index, restrictions, jobs and audit on SQLite and PostgreSQL.
//!
//! With `migrations`, the only crate that knows SQL. Every read takes a [`policy::Grant`].

mod error;
mod intern;
mod migrate;
mod open;
mod options;
mod postgres;
mod sql;
mod sqlite;
mod writer;

pub use error::StoreError;
pub use open::Store;
pub use options::{Clock, Location, StoreOptions};
