//! Who may ask: registered clients, people who log in, and their sessions.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, boolean, text, text_null};

/// Creates `control_client`, `control_user` and `control_session`.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(client()).await?;
        manager.create_table(user()).await?;
        manager.create_table(session()).await?;
        manager
            .create_index(
                Index::create().name("control_session_expires").table("control_session").col("expires").to_owned(),
            )
            .await
    }
}

/// Lists (`redirect_uris`, `launch_urls`, `feeds`, `origins`) are JSON arrays of strings.
fn client() -> TableCreateStatement {
    Table::create()
        .table("control_client")
        .col(text("client_id").primary_key())
        .col(text("name"))
        .col(text("kind"))
        .col(text_null("secret_hash"))
        .col(text_null("jwks"))
        .col(text_null("jwks_url"))
        .col(text("redirect_uris"))
        .col(text("launch_urls"))
        .col(text("scopes"))
        .col(text("purpose"))
        .col(text_null("organisation"))
        .col(text("feeds"))
        .col(text("origins"))
        .col(boolean("is_active"))
        .col(big_integer("created"))
        .to_owned()
}

fn user() -> TableCreateStatement {
    Table::create()
        .table("control_user")
        .col(text("name").primary_key())
        .col(text("password_hash"))
        .col(text_null("fhir_user"))
        .col(text("role"))
        .col(text("patient_ids"))
        .col(boolean("is_active"))
        .col(big_integer("failed_attempts"))
        .col(ColumnDef::new("locked_until").big_integer())
        .col(big_integer("created"))
        .to_owned()
}

fn session() -> TableCreateStatement {
    Table::create()
        .table("control_session")
        .col(binary("hash").primary_key())
        .col(text("user_name"))
        .col(big_integer("created"))
        .col(big_integer("expires"))
        .to_owned()
}
