//! Opening the control data and bringing its schema up to date.

use std::path::Path;
use std::time::Duration;

use migrations::control::Migrator;
use sea_orm::{DatabaseConnection, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::error::StoreError;
use crate::migrate;

/// Connections to `control.db`: its statements are single and short, and SQLite lets one write at a time anyway.
const SQLITE_CONNECTIONS: u32 = 4;

/// Clients, users, sessions, codes, tokens, launches and keys.
#[derive(Clone)]
pub struct Control {
    pub(super) db: DatabaseConnection,
}

impl Control {
    /// Opens (and makes, if need be) `control.db` at that path.
    pub async fn open_sqlite(path: &Path) -> Result<Control, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A used code or assertion must stay used over a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(SQLITE_CONNECTIONS)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        Self::migrated(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)).await
    }

    /// Uses the tables prefixed `control_` of the database behind that pool.
    pub async fn open_postgres(pool: sqlx::PgPool) -> Result<Control, StoreError> {
        Self::migrated(SqlxPostgresConnector::from_sqlx_postgres_pool(pool)).await
    }

    async fn migrated(db: DatabaseConnection) -> Result<Control, StoreError> {
        migrate::up::<Migrator>(&db).await?;
        Ok(Control { db })
    }
}
