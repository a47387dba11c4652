//! The database schema, one purpose a migration, for SQLite and PostgreSQL.
//!
//! Statements are written once in [`sql::run`]'s small template. A migration is never edited after landing.

pub mod audit;
pub mod control;
mod m0001_store_state;
mod m0002_resource;
mod m0003_search_index;
mod m0004_person;
mod m0005_full_text;
mod m0010_message;
mod m0011_job;
mod m0012_opt_out;
mod m0013_review;
mod m0014_message_unit;
mod m0015_newest_message;
mod m0016_search_parameter;
mod m0017_definition_package;
mod m0018_index_unions;
mod m0019_labels_used;
mod m0020_index_spans;
mod sql;

use sea_orm_migration::prelude::MigrationTrait;
pub use sea_orm_migration::prelude::MigratorTrait;

/// The migrations of the main database (`weir.db`, or all of PostgreSQL).
pub struct Main;

impl MigratorTrait for Main {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_store_state::Migration),
            Box::new(m0002_resource::Migration),
            Box::new(m0003_search_index::Migration),
            Box::new(m0004_person::Migration),
            Box::new(m0005_full_text::Migration),
            Box::new(m0010_message::Migration),
            Box::new(m0011_job::Migration),
            Box::new(m0012_opt_out::Migration),
            Box::new(m0013_review::Migration),
            Box::new(m0014_message_unit::Migration),
            Box::new(m0015_newest_message::Migration),
            Box::new(m0016_search_parameter::Migration),
            Box::new(m0017_definition_package::Migration),
            Box::new(m0018_index_unions::Migration),
            Box::new(m0019_labels_used::Migration),
            Box::new(m0020_index_spans::Migration),
        ]
    }
}
