//! What was granted: authorisation codes, tokens, launches and the memory of used assertions.
//!
//! Codes, tokens, launches and sessions are kept as hashes only: a copy of the database opens nothing.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, text, text_null};

/// Creates `control_code`, `control_token`, `control_revoked_family`, `control_assertion` and `control_launch`.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [code(), token(), revoked_family(), assertion(), launch()] {
            manager.create_table(table).await?;
        }
        for (name, table) in [
            ("control_code_expires", "control_code"),
            ("control_token_expires", "control_token"),
            ("control_revoked_family_expires", "control_revoked_family"),
            ("control_assertion_expires", "control_assertion"),
            ("control_launch_expires", "control_launch"),
        ] {
            manager.create_index(Index::create().name(name).table(table).col("expires").to_owned()).await?;
        }
        Ok(())
    }
}

fn moment_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().to_owned()
}

fn code() -> TableCreateStatement {
    Table::create()
        .table("control_code")
        .col(binary("hash").primary_key())
        .col(text("client_id"))
        .col(text("family"))
        .col(text("data"))
        .col(big_integer("created"))
        .col(big_integer("expires"))
        .col(moment_null("used"))
        .to_owned()
}

fn token() -> TableCreateStatement {
    Table::create()
        .table("control_token")
        .col(binary("hash").primary_key())
        .col(text("kind"))
        .col(text_null("family"))
        .col(text("client_id"))
        .col(text_null("user_name"))
        .col(text("scopes"))
        .col(text_null("patient"))
        .col(text("purpose"))
        .col(ColumnDef::new("session").binary())
        .col(text("data"))
        .col(big_integer("created"))
        .col(big_integer("expires"))
        .col(moment_null("used"))
        .col(moment_null("revoked"))
        .to_owned()
}

/// A family is revoked by one row here, so that a token written at the same moment is dead too.
fn revoked_family() -> TableCreateStatement {
    Table::create()
        .table("control_revoked_family")
        .col(text("family").primary_key())
        .col(big_integer("revoked"))
        .col(big_integer("expires"))
        .to_owned()
}

fn assertion() -> TableCreateStatement {
    Table::create().table("control_assertion").col(binary("hash").primary_key()).col(big_integer("expires")).to_owned()
}

fn launch() -> TableCreateStatement {
    Table::create()
        .table("control_launch")
        .col(binary("hash").primary_key())
        .col(text("client_id"))
        .col(text_null("user_name"))
        .col(text("data"))
        .col(big_integer("created"))
        .col(big_integer("expires"))
        .col(moment_null("used"))
        .to_owned()
}
