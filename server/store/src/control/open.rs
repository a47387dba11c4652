//! Opening the control data and bringing its schema up to date.

use std::path::Path;
use std::time::Duration;

use migrations::control::Migrator;
use sea_orm::{SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::connection::ControlConnection;
use super::token_cache::TokenCache;
use crate::error::StoreError;
use crate::migrate_locked::{migrate_postgres, migrate_sqlite};
use crate::postgres::Pool;

/// Connections to `control.db`: its statements are single and short, and SQLite lets one write at a time anyway.
const SQLITE_CONNECTIONS: u32 = 4;

/// Clients, users, sessions, codes, tokens, launches and keys.
#[derive(Clone)]
pub struct Control {
    pub(super) db: ControlConnection,
    pub(super) tokens: TokenCache,
}

impl Control {
    /// Opens (and makes, if need be) the control file at that path.
    pub(crate) async fn open_sqlite(path: &Path) -> Result<Control, StoreError> {
        migrate_sqlite::<Migrator>(path).await?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // A used code or assertion must stay used over a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(SQLITE_CONNECTIONS)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        let db = ControlConnection::sqlite(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool));
        Ok(Control { db, tokens: TokenCache::default() })
    }

    /// Uses the tables prefixed `control_` of the database behind that pool.
    pub(crate) async fn open_postgres(pool: Pool) -> Result<Control, StoreError> {
        migrate_postgres::<Migrator>(&pool).await?;
        let database = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.sqlx().clone());
        Ok(Control { db: ControlConnection::postgres(database, pool), tokens: TokenCache::default() })
    }
}
