//! Browser sessions of people who logged in.

use fhir::Instant;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::{Control, user};
use crate::error::StoreError;

/// A session, known by the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The hash of the session's secret.
    pub hash: Vec<u8>,
    /// Who logged in.
    pub user: String,
    /// When.
    pub created: Instant,
    /// Until when it holds.
    pub expires: Instant,
}

impl Control {
    /// Keeps a new session.
    pub async fn put_session(&self, session: &Session) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            hash: Set(session.hash.clone()),
            user_name: Set(session.user.clone()),
            created: Set(session.created.0),
            expires: Set(session.expires.0),
        };
        row::Entity::insert(row).exec_without_returning(&self.db).await?;
        Ok(())
    }

    /// The session with that hash, if it still holds and its user is active.
    pub async fn session(&self, hash: &[u8], now: Instant) -> Result<Option<Session>, StoreError> {
        let row = row::Entity::find_by_id(hash.to_vec())
            .filter(row::Column::Expires.gt(now.0))
            .filter(Expr::exists(active_user(Expr::col((row::Entity, row::Column::UserName)))))
            .one(&self.db)
            .await?;
        Ok(row.map(|row| Session {
            hash: row.hash,
            user: row.user_name,
            created: Instant(row.created),
            expires: Instant(row.expires),
        }))
    }

    /// Ends a session.
    pub async fn end_session(&self, hash: &[u8]) -> Result<(), StoreError> {
        row::Entity::delete_by_id(hash.to_vec()).exec(&self.db).await?;
        Ok(())
    }
}

/// Whether the login of that name works, as a subquery.
pub(super) fn active_user(name: Expr) -> SelectStatement {
    use user::row::{Column, Entity};
    let same = Expr::col((Entity, Column::Name)).eq(name);
    let is_active = Expr::col((Entity, Column::IsActive)).eq(true);
    Query::select().expr(Expr::val(1)).from(Entity).and_where(same).and_where(is_active).to_owned()
}

/// The table `control_session`.
pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "control_session")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) hash: Vec<u8>,
        pub(crate) user_name: String,
        pub(crate) created: i64,
        pub(crate) expires: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
