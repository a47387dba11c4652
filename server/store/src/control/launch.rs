//! Launches from a clinical system: a context that one client may use once.

use fhir::Instant;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::Control;
use crate::error::StoreError;

/// A launch, known by the hash of its handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The hash of the handle.
    pub hash: Vec<u8>,
    /// The client that is launched.
    pub client_id: String,
    /// The user in whose session it is.
    pub user: Option<String>,
    /// The context (patient, encounter, intent, …) as JSON.
    pub data: String,
    /// When it was made.
    pub created: Instant,
    /// Until when it holds.
    pub expires: Instant,
}

impl Control {
    /// Keeps a new launch.
    pub async fn put_launch(&self, launch: &Launch) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            hash: Set(launch.hash.clone()),
            client_id: Set(launch.client_id.clone()),
            user_name: Set(launch.user.clone()),
            data: Set(launch.data.clone()),
            created: Set(launch.created.0),
            expires: Set(launch.expires.0),
            used: Set(None),
        };
        row::Entity::insert(row).exec_without_returning(&self.db).await?;
        Ok(())
    }

    /// The launch of that handle, if it still holds, is for that client and was not used.
    pub async fn launch(&self, hash: &[u8], client_id: &str, now: Instant) -> Result<Option<Launch>, StoreError> {
        let row = row::Entity::find_by_id(hash.to_vec())
            .filter(row::Column::ClientId.eq(client_id))
            .filter(row::Column::Used.is_null())
            .filter(row::Column::Expires.gt(now.0))
            .one(&self.db)
            .await?;
        Ok(row.map(from_row))
    }

    /// Uses a launch; of several calls exactly one gets it.
    pub async fn use_launch(&self, hash: &[u8], client_id: &str, now: Instant) -> Result<Option<Launch>, StoreError> {
        let taken = row::Entity::update_many()
            .col_expr(row::Column::Used, now.0.into())
            .filter(row::Column::Hash.eq(hash.to_vec()))
            .filter(row::Column::ClientId.eq(client_id))
            .filter(row::Column::Used.is_null())
            .filter(row::Column::Expires.gt(now.0))
            .exec_with_returning(&self.db)
            .await?;
        Ok(taken.into_iter().next().map(from_row))
    }
}

fn from_row(row: row::Model) -> Launch {
    Launch {
        hash: row.hash,
        client_id: row.client_id,
        user: row.user_name,
        data: row.data,
        created: Instant(row.created),
        expires: Instant(row.expires),
    }
}

/// The table `control_launch`.
pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "control_launch")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) hash: Vec<u8>,
        pub(crate) client_id: String,
        pub(crate) user_name: Option<String>,
        pub(crate) data: String,
        pub(crate) created: i64,
        pub(crate) expires: i64,
        pub(crate) used: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
