//! PostgreSQL: one pool on a runtime of its own, so that its connections outlive the runtimes of the callers.

mod pool;
mod session;

pub(crate) use pool::{Pool, Span};
