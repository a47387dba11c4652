//! Versions, history, search index, restrictions, jobs and audit on SQLite and PostgreSQL
