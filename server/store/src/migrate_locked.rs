//! Migrations of the files and tables beside the main ones, one process after the other.

use std::path::Path;

use migrations::MigratorTrait;
use sea_orm::SqlxPostgresConnector;

use crate::error::StoreError;
use crate::migrate::migrate;
use crate::open::sqlite_for_migration;
use crate::postgres::Pool;

/// Brings a SQLite file to the schema of `M`.
pub(crate) async fn migrate_sqlite<M: MigratorTrait>(path: &Path) -> Result<(), StoreError> {
    let unavailable = |error: std::io::Error| StoreError::Unavailable(format!("data directory: {error}"));
    let lock = std::fs::File::create(path.with_extension("lock")).map_err(unavailable)?;
    // Released when the file is closed, and by the system when the process dies.
    lock.lock().map_err(unavailable)?;
    let database = sqlite_for_migration(path).await?;
    migrate::<M>(&database).await?;
    database.close().await?;
    Ok(())
}

/// Brings the tables of `M` in PostgreSQL to this version; other nodes wait.
pub(crate) async fn migrate_postgres<M: MigratorTrait>(pool: &Pool) -> Result<(), StoreError> {
    let sqlx = pool.sqlx().clone();
    let run = async move {
        let mut lock = sqlx.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtext(current_schema()), 7318)").execute(&mut *lock).await?;
        migrate::<M>(&SqlxPostgresConnector::from_sqlx_postgres_pool(sqlx)).await?;
        lock.commit().await?;
        Ok(())
    };
    pool.handle().spawn(run).await.map_err(|error| StoreError::Unavailable(error.to_string()))?
}
