//! Secret keys by purpose, apart from the data they protect, several generations of each.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, text};

/// Creates `control_key`.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("control_key")
            .col(text("name"))
            .col(big_integer("generation"))
            .col(binary("secret"))
            .col(big_integer("created"))
            .primary_key(Index::create().col("name").col("generation"))
            .to_owned();
        manager.create_table(table).await
    }
}
