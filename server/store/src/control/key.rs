//! Secret keys by name and generation (page links, the opt-out register, token signing, pseudonyms).

use fhir::Instant;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, TryInsertResult};

use super::Control;
use crate::error::StoreError;

/// One generation of a secret key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// What it is for.
    pub name: String,
    /// Which generation, from 1.
    pub generation: i64,
    /// The secret bytes.
    pub secret: Vec<u8>,
    /// When it was made.
    pub created: Instant,
}

impl std::fmt::Debug for Key {
    /// Leaves the secret out, so that it cannot slip into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("name", &self.name).field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Control {
    /// The generations of a key, the newest first.
    pub async fn keys(&self, name: &str) -> Result<Vec<Key>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::Name.eq(name))
            .order_by_desc(row::Column::Generation)
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().map(from_row).collect())
    }

    /// The newest generation of a key; `fresh` becomes the first one if there is none. All who call at once get the same.
    pub async fn key_or_insert(&self, name: &str, fresh: &[u8], now: Instant) -> Result<Key, StoreError> {
        if let Some(key) = self.keys(name).await?.into_iter().next() {
            return Ok(key);
        }
        self.insert_key(name, 1, fresh, now).await?;
        let newest = self.keys(name).await?.into_iter().next();
        newest.ok_or_else(|| StoreError::NotFound(format!("key `{name}`")))
    }

    /// Adds a generation to a key; the older ones stay, to check what they signed.
    pub async fn rotate_key(&self, name: &str, fresh: &[u8], now: Instant) -> Result<Key, StoreError> {
        let generation = self.keys(name).await?.first().map_or(1, |key| key.generation + 1);
        if !self.insert_key(name, generation, fresh, now).await? {
            return Err(StoreError::Conflict(format!("key `{name}` was rotated at the same moment")));
        }
        Ok(Key { name: name.to_owned(), generation, secret: fresh.to_vec(), created: now })
    }

    async fn insert_key(&self, name: &str, generation: i64, fresh: &[u8], now: Instant) -> Result<bool, StoreError> {
        let row = row::ActiveModel {
            name: Set(name.to_owned()),
            generation: Set(generation),
            secret: Set(fresh.to_vec()),
            created: Set(now.0),
        };
        let unless_there = OnConflict::columns([row::Column::Name, row::Column::Generation]).do_nothing().to_owned();
        match row::Entity::insert(row).on_conflict(unless_there).try_insert().exec_without_returning(&self.db).await? {
            TryInsertResult::Inserted(rows) => Ok(rows > 0),
            TryInsertResult::Conflicted | TryInsertResult::Empty => Ok(false),
        }
    }
}

fn from_row(row: row::Model) -> Key {
    Key { name: row.name, generation: row.generation, secret: row.secret, created: Instant(row.created) }
}

/// The table `control_key`.
pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "control_key")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) name: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) generation: i64,
        pub(crate) secret: Vec<u8>,
        pub(crate) created: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
