//! The control schema: clients, users, sessions, codes, tokens and keys.
//!
//! On SQLite it is a file of its own (`control.db`), so that keys and credentials never travel with a copy of the
//! clinical data; on PostgreSQL its tables live beside the others under the prefix `control_`.

mod m0001_account;
mod m0002_authorization;
mod m0003_key;

use sea_orm_migration::prelude::*;

/// Brings a database to the control schema of this version.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_account::Migration),
            Box::new(m0002_authorization::Migration),
            Box::new(m0003_key::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "control_migration".into_iden()
    }
}
