//! The words of each current resource, for `_text` (narrative) and `_content` (all text). No text is kept: on SQLite the index alone, on
//! PostgreSQL the lexemes. The words are folded and separated by blanks before they come here.

use sea_orm_migration::prelude::{ConnectionTrait, DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};
use sea_orm_migration::sea_orm::DatabaseBackend;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DatabaseBackend::Sqlite => SQLITE,
            _ => POSTGRES,
        };
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

/// `rowid` is the `res_key`. Without positions: words are found, phrases are not.
const SQLITE: &str = "CREATE VIRTUAL TABLE full_text USING fts5 \
    (narrative, content, content='', contentless_delete=1, detail=column, tokenize='unicode61 remove_diacritics 0')";

const POSTGRES: &str = "CREATE TABLE full_text (res_key BIGINT PRIMARY KEY, narrative TSVECTOR NOT NULL, content TSVECTOR NOT NULL); \
    CREATE INDEX full_text_narrative ON full_text USING gin (narrative); \
    CREATE INDEX full_text_content ON full_text USING gin (content)";
