//! The memory of client assertions that were used, so that none is used twice before it expires
//! (SMART Backend Services, RFC 7523 section 3).

use fhir::Instant;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, EntityTrait, TryInsertResult};
use sha2::{Digest, Sha256};

use super::Control;
use crate::error::StoreError;

impl Control {
    /// Remembers the assertion `jti` of `issuer` until it expires. Says whether it is new: of several calls with the same
    /// one, on any node, exactly one is told `true`.
    pub async fn remember_assertion(
        &self,
        issuer: &str,
        jti: &str,
        expires: Instant,
        now: Instant,
    ) -> Result<bool, StoreError> {
        if expires <= now {
            return Ok(false);
        }
        let row = row::ActiveModel { hash: Set(fingerprint(issuer, jti)), expires: Set(expires.0) };
        // An expired memory may be written over: the pair is unique for as long as it could be replayed.
        let if_expired = OnConflict::column(row::Column::Hash)
            .update_column(row::Column::Expires)
            .action_and_where(Expr::col((row::Entity, row::Column::Expires)).lte(now.0))
            .to_owned();
        match row::Entity::insert(row).on_conflict(if_expired).try_insert().exec_without_returning(&self.db).await? {
            TryInsertResult::Inserted(rows) => Ok(rows > 0),
            TryInsertResult::Conflicted | TryInsertResult::Empty => Ok(false),
        }
    }
}

/// A fixed-size key for two texts of any length; the length keeps `a|bc` apart from `ab|c`.
fn fingerprint(issuer: &str, jti: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update((issuer.len() as u64).to_be_bytes());
    hash.update(issuer);
    hash.update(jti);
    hash.finalize().to_vec()
}

/// The table `control_assertion`.
pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "control_assertion")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) hash: Vec<u8>,
        pub(crate) expires: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
