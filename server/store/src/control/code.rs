//! Authorisation codes: used once, and a second use is told apart from an unknown code.

use fhir::Instant;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::Control;
use crate::error::StoreError;

/// An authorisation code, known by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The hash of the code.
    pub hash: Vec<u8>,
    /// The client it was given to.
    pub client_id: String,
    /// The family of the tokens that it will give: revoked when the code comes a second time.
    pub family: String,
    /// All that is bound to it (redirect URI, challenge, scopes, user, patient, nonce, …) as JSON.
    pub data: String,
    /// When it was given.
    pub created: Instant,
    /// Until when it holds.
    pub expires: Instant,
}

/// What became of an attempt to use a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeUse {
    /// It is used now, by this call alone.
    Taken(Code),
    /// It was used before: whoever holds it may have stolen it, so its family is to be revoked.
    Replayed(Code),
    /// There is no such code, or it has expired.
    Unknown,
}

impl Control {
    /// Keeps a new code.
    pub async fn put_code(&self, code: &Code) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            hash: Set(code.hash.clone()),
            client_id: Set(code.client_id.clone()),
            family: Set(code.family.clone()),
            data: Set(code.data.clone()),
            created: Set(code.created.0),
            expires: Set(code.expires.0),
            used: Set(None),
        };
        row::Entity::insert(row).exec_without_returning(&self.db).await?;
        Ok(())
    }

    /// Uses a code. Of several calls with the same code exactly one gets [`CodeUse::Taken`].
    pub async fn use_code(&self, hash: &[u8], now: Instant) -> Result<CodeUse, StoreError> {
        let taken = row::Entity::update_many()
            .col_expr(row::Column::Used, now.0.into())
            .filter(row::Column::Hash.eq(hash.to_vec()))
            .filter(row::Column::Used.is_null())
            .filter(row::Column::Expires.gt(now.0))
            .exec_with_returning(&self.db)
            .await?;
        if let Some(row) = taken.into_iter().next() {
            return Ok(CodeUse::Taken(from_row(row)));
        }
        let row = row::Entity::find_by_id(hash.to_vec()).filter(row::Column::Used.is_not_null()).one(&self.db).await?;
        Ok(row.map_or(CodeUse::Unknown, |row| CodeUse::Replayed(from_row(row))))
    }
}

fn from_row(row: row::Model) -> Code {
    Code {
        hash: row.hash,
        client_id: row.client_id,
        family: row.family,
        data: row.data,
        created: Instant(row.created),
        expires: Instant(row.expires),
    }
}

/// The table `control_code`.
pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "control_code")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) hash: Vec<u8>,
        pub(crate) client_id: String,
        pub(crate) family: String,
        pub(crate) data: String,
        pub(crate) created: i64,
        pub(crate) expires: i64,
        pub(crate) used: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
