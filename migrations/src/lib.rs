//! The database schema, one purpose a migration, for SQLite and PostgreSQL
