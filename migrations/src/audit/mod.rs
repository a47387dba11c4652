//! The audit schema: a file of its own on SQLite (`audit.db`), beside the other tables on PostgreSQL.

mod m0001_audit;

use sea_orm_migration::prelude::*;

/// Brings a database to the audit schema of this version.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_audit::Migration)]
    }

    fn migration_table_name() -> DynIden {
        "audit_migration".into_iden()
    }
}
