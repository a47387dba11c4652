//! Brings a schema to this version, and refuses one that is newer.

use std::collections::HashSet;

use migrations::MigratorTrait;
use sea_orm::DatabaseConnection;

use crate::error::StoreError;

/// Runs the migrations that are missing.
pub(crate) async fn migrate<M: MigratorTrait>(database: &DatabaseConnection) -> Result<(), StoreError> {
    M::install(database).await?;
    let known: HashSet<String> = M::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied = M::get_migration_models(database).await?;
    if let Some(newer) = applied.into_iter().find(|model| !known.contains(&model.version)) {
        return Err(StoreError::TooNew(newer.version));
    }
    M::up(database, None).await?;
    Ok(())
}
