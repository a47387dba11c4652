//! Weir through its front door, on SQLite and, where `WEIR_TEST_DATABASE_URL` names one, on PostgreSQL: one module per interaction or concern.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod audit;
mod authorisation;
mod bad_input;
mod batch;
mod bundle_verbs;
mod capabilities;
mod conformance;
mod consent;
mod create;
mod database_gone;
mod delete;
mod document;
mod everything;
mod expand;
mod export;
mod feed;
mod fhirpath;
mod format;
mod history;
mod http_expression;
mod large_body;
mod lastn;
mod lookup;
mod meta;
mod operations;
mod package;
mod paging;
mod patch;
mod patient_match;
mod patient_scope;
mod protocol;
mod purge;
#[path = "../../server/fhir/tests/it/r4_examples.rs"]
mod r4_examples;
mod read;
mod reference_exists;
mod reindex;
mod remote_terminology;
mod remote_validation;
mod respond_async;
mod scopes;
mod search_terminology;
mod search_type;
mod smart_launch;
mod smart_token;
mod spec_examples;
mod stored_definitions;
mod stub_server;
mod subsumes;
mod summary;
mod transaction;
mod transaction_links;
mod translate;
mod update;
mod validate;
mod validate_code;
