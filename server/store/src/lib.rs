//! Versions, history, search index, restrictions, jobs and audit on SQLite and PostgreSQL.
//!
//! With `migrations`, the only crate that knows SQL. Every read takes a [`policy::Grant`].

pub mod audit;
mod batch;
mod builder;
mod check;
pub mod control;
mod error;
mod history;
mod index_row;
mod intern;
mod messages;
mod migrate;
mod migrate_locked;
mod open;
mod options;
mod pending;
mod person;
mod postgres;
mod predicate;
mod prepare;
mod resource;
mod search_filter;
mod search_sort;
mod search_type;
mod sql;
mod sqlite;
mod version_row;
mod write;
mod writer;

pub use batch::{WriteBatch, WriteOp, WriteStatus, Written};
pub use check::CheckReport;
pub use error::StoreError;
pub use history::{HistoryPage, HistoryResult, HistoryTarget};
pub use messages::MessageRecord;
pub use open::Store;
pub use options::{Clock, Location, StoreOptions};
pub use person::{LinkKind, PersonEvent, PersonLink};
pub use search_type::{CommitSeq, Page, SearchResult};
pub use search_sort::Cursor;
pub use version_row::Method;
