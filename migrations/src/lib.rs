//! The database schema, one purpose a migration, for SQLite and PostgreSQL

pub mod audit;
pub mod control;
