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
mod jobs;
mod jobs_evidence;
mod messages;
mod messages_log;
mod migrate;
mod migrate_locked;
mod open;
mod opt_out;
mod opt_out_part;
mod options;
mod pending;
mod person;
mod postgres;
mod predicate;
mod prepare;
mod resource;
mod restrictions;
mod reviews;
mod scan;
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
pub use jobs::{Job, JobFile, JobOutcome, JobState, Lease, NewJob};
pub use jobs_evidence::Evidence;
pub use messages::{MessageKey, MessageRecord, MessageStatus};
pub use messages_log::{MessageCount, MessageFilter, MessageKept, MessageResource, MessageSummary};
pub use open::Store;
pub use opt_out::{OptOutAnswer, OptOutRegister, OptOutRequest};
pub use options::{Clock, Location, StoreOptions};
pub use person::{LinkKind, PersonEvent, PersonLink};
pub use restrictions::StatedRestriction;
pub use reviews::{NewReview, Review, ReviewState};
pub use search_sort::Cursor;
pub use scan::{Scan, ScanKey, ScanResult};
pub use search_type::{CommitSeq, Page, SearchResult};
pub use version_row::Method;
