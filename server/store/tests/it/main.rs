//! The store through its public API, on SQLite and, where `WEIR_TEST_DATABASE_URL` names one, on PostgreSQL.

mod access;
mod crud;
mod paging;
mod person;
mod search_type;
mod support;
