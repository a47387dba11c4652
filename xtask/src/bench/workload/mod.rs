//! The workloads, each a source of requests.

pub(super) mod crud;
pub(super) mod import;
pub(super) mod ndjson;
pub(super) mod read;
pub(super) mod search;
pub(super) mod shapes;
pub(super) mod transactions;
