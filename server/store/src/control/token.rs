//! Access and refresh tokens, and the revocation of all that sprang from one authorisation.

use fhir::Instant;
use policy::Purpose;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, OnConflict, Query, SelectStatement};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::client::parse_purpose;
use super::session::active_user;
use super::{Control, client, session};
use crate::error::StoreError;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Opens resources.
    Access,
    /// Is exchanged, once, for new tokens.
    Refresh,
}

impl TokenKind {
    fn code(self) -> &'static str {
        match self {
            TokenKind::Access => "access",
            TokenKind::Refresh => "refresh",
        }
    }

    fn parse(code: &str) -> Result<TokenKind, StoreError> {
        match code {
            "access" => Ok(TokenKind::Access),
            "refresh" => Ok(TokenKind::Refresh),
            _ => Err(StoreError::Corrupt(format!("token kind `{code}` is not known"))),
        }
    }
}

/// A token, known by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The hash of the token.
    pub hash: Vec<u8>,
    /// What it is for.
    pub kind: TokenKind,
    /// The authorisation from which it sprang; a backend service has none.
    pub family: Option<String>,
    /// Whose it is.
    pub client_id: String,
    /// The user who agreed.
    pub user: Option<String>,
    /// The scopes granted.
    pub scopes: String,
    /// The logical id of the patient in context.
    pub patient: Option<String>,
    /// The purpose of use.
    pub purpose: Purpose,
    /// The hash of the session without which it is dead (`online_access`).
    pub session: Option<Vec<u8>>,
    /// Whatever else belongs to it as JSON.
    pub data: String,
    /// When it was given.
    pub created: Instant,
    /// Until when it holds.
    pub expires: Instant,
}

/// What became of an attempt to use a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshUse {
    /// It is used now, by this call alone.
    Taken(Token),
    /// It was used before: its family is to be revoked.
    Replayed(Token),
    /// There is no such token, or it is dead.
    Unknown,
}

impl Control {
    /// Keeps new tokens, all or none.
    pub async fn put_tokens(&self, tokens: &[Token]) -> Result<(), StoreError> {
        if tokens.is_empty() {
            return Ok(());
        }
        row::Entity::insert_many(tokens.iter().map(to_row)).exec_without_returning(&self.db).await?;
        Ok(())
    }

    /// The access token with that hash, if it lives: not expired, not revoked (nor its family), its client and user active,
    /// its session open if it needs one. What another process did is seen within a second.
    pub async fn access_token(&self, hash: &[u8], now: Instant) -> Result<Option<Token>, StoreError> {
        let emptied = match self.tokens.find(hash, now) {
            Ok(token) => return Ok(Some(token)),
            Err(emptied) => emptied,
        };
        let token = self.live_token(hash, TokenKind::Access, now).await?;
        if let Some(token) = &token {
            self.tokens.remember(token, now, emptied);
        }
        Ok(token)
    }

    /// Whether what an access token began may go on: all that is asked of a living token but its time. `false` too once its
    /// row was cleared away.
    pub async fn access_stands(&self, hash: &[u8], now: Instant) -> Result<bool, StoreError> {
        let row = row::Entity::find_by_id(hash.to_vec())
            .filter(row::Column::Kind.eq(TokenKind::Access.code()))
            .filter(standing(now))
            .one(&self.db)
            .await?;
        Ok(row.is_some())
    }

    /// The refresh token with that hash, if it lives and was not used.
    pub async fn refresh_token(&self, hash: &[u8], now: Instant) -> Result<Option<Token>, StoreError> {
        self.live_token(hash, TokenKind::Refresh, now).await
    }

    async fn live_token(&self, hash: &[u8], kind: TokenKind, now: Instant) -> Result<Option<Token>, StoreError> {
        let row = row::Entity::find_by_id(hash.to_vec())
            .filter(row::Column::Kind.eq(kind.code()))
            .filter(row::Column::Used.is_null())
            .filter(alive(now))
            .one(&self.db)
            .await?;
        row.map(from_row).transpose()
    }

    /// Uses a refresh token of a client. Of several calls with the same token exactly one gets [`RefreshUse::Taken`].
    pub async fn use_refresh_token(
        &self,
        hash: &[u8],
        client_id: &str,
        now: Instant,
    ) -> Result<RefreshUse, StoreError> {
        let mine = Condition::all()
            .add(row::Column::Hash.eq(hash.to_vec()))
            .add(row::Column::ClientId.eq(client_id))
            .add(row::Column::Kind.eq(TokenKind::Refresh.code()));
        let taken = row::Entity::update_many()
            .col_expr(row::Column::Used, now.0.into())
            .filter(mine.clone())
            .filter(row::Column::Used.is_null())
            .filter(alive(now))
            .exec_with_returning(&self.db)
            .await?;
        if let Some(row) = taken.into_iter().next() {
            return Ok(RefreshUse::Taken(from_row(row)?));
        }
        let used = row::Entity::find().filter(mine).filter(row::Column::Used.is_not_null()).one(&self.db).await?;
        used.map_or(Ok(RefreshUse::Unknown), |row| Ok(RefreshUse::Replayed(from_row(row)?)))
    }

    /// Revokes a token of a client, and with a refresh token all of its family. Says whether there was such a token.
    pub async fn revoke_token(&self, hash: &[u8], client_id: &str, now: Instant) -> Result<bool, StoreError> {
        let _forgets = self.tokens.forgets();
        let revoked = row::Entity::update_many()
            .col_expr(row::Column::Revoked, now.0.into())
            .filter(row::Column::Hash.eq(hash.to_vec()))
            .filter(row::Column::ClientId.eq(client_id))
            .exec_with_returning(&self.db)
            .await?;
        let Some(row) = revoked.into_iter().next() else {
            return Ok(false);
        };
        let token = from_row(row)?;
        if let (TokenKind::Refresh, Some(family)) = (token.kind, &token.family) {
            self.revoke_family(family, now, token.expires).await?;
        }
        Ok(true)
    }

    /// Revokes all tokens of a family, those too that are written at this moment or later. `keep_until` is when the last of
    /// them would have expired.
    pub async fn revoke_family(&self, family: &str, now: Instant, keep_until: Instant) -> Result<(), StoreError> {
        let _forgets = self.tokens.forgets();
        let row = revoked::ActiveModel {
            family: Set(family.to_owned()),
            revoked: Set(now.0),
            expires: Set(keep_until.max(now).0),
        };
        let longer = OnConflict::column(revoked::Column::Family)
            .update_column(revoked::Column::Expires)
            .action_and_where(Expr::col((revoked::Entity, revoked::Column::Expires)).lt(keep_until.0))
            .to_owned();
        revoked::Entity::insert(row).on_conflict(longer).try_insert().exec_without_returning(&self.db).await?;
        Ok(())
    }
}

/// The condition under which a token opens anything, read from the rows of this moment.
fn alive(now: Instant) -> Condition {
    standing(now).add(row::Column::Expires.gt(now.0))
}

/// The same but for the token's time.
fn standing(now: Instant) -> Condition {
    use row::Column;
    let of = |column: Column| Expr::col((row::Entity, column));
    Condition::all()
        .add(Column::Revoked.is_null())
        .add(Expr::exists(active_client(of(Column::ClientId))))
        .add(of(Column::Family).is_null().or(Expr::not_exists(revoked_family(of(Column::Family)))))
        .add(of(Column::UserName).is_null().or(Expr::exists(active_user(of(Column::UserName)))))
        .add(of(Column::Session).is_null().or(Expr::exists(open_session(of(Column::Session), now))))
}

fn revoked_family(family: Expr) -> SelectStatement {
    use revoked::{Column, Entity};
    let same = Expr::col((Entity, Column::Family)).eq(family);
    Query::select().expr(Expr::val(1)).from(Entity).and_where(same).to_owned()
}

fn active_client(client_id: Expr) -> SelectStatement {
    use client::row::{Column, Entity};
    let same = Expr::col((Entity, Column::ClientId)).eq(client_id);
    let is_active = Expr::col((Entity, Column::IsActive)).eq(true);
    Query::select().expr(Expr::val(1)).from(Entity).and_where(same).and_where(is_active).to_owned()
}

fn open_session(hash: Expr, now: Instant) -> SelectStatement {
    use session::row::{Column, Entity};
    let same = Expr::col((Entity, Column::Hash)).eq(hash);
    let is_open = Expr::col((Entity, Column::Expires)).gt(now.0);
    Query::select().expr(Expr::val(1)).from(Entity).and_where(same).and_where(is_open).to_owned()
}

fn to_row(token: &Token) -> row::ActiveModel {
    row::ActiveModel {
        hash: Set(token.hash.clone()),
        kind: Set(token.kind.code().to_owned()),
        family: Set(token.family.clone()),
        client_id: Set(token.client_id.clone()),
        user_name: Set(token.user.clone()),
        scopes: Set(token.scopes.clone()),
        patient: Set(token.patient.clone()),
        purpose: Set(token.purpose.as_str().to_owned()),
        session: Set(token.session.clone()),
        data: Set(token.data.clone()),
        created: Set(token.created.0),
        expires: Set(token.expires.0),
        used: Set(None),
        revoked: Set(None),
    }
}

fn from_row(row: row::Model) -> Result<Token, StoreError> {
    Ok(Token {
        kind: TokenKind::parse(&row.kind)?,
        hash: row.hash,
        family: row.family,
        client_id: row.client_id,
        user: row.user_name,
        scopes: row.scopes,
        patient: row.patient,
        purpose: parse_purpose(&row.purpose)?,
        session: row.session,
        data: row.data,
        created: Instant(row.created),
        expires: Instant(row.expires),
    })
}

/// The table `control_token`.
pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "control_token")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) hash: Vec<u8>,
        pub(crate) kind: String,
        pub(crate) family: Option<String>,
        pub(crate) client_id: String,
        pub(crate) user_name: Option<String>,
        pub(crate) scopes: String,
        pub(crate) patient: Option<String>,
        pub(crate) purpose: String,
        pub(crate) session: Option<Vec<u8>>,
        pub(crate) data: String,
        pub(crate) created: i64,
        pub(crate) expires: i64,
        pub(crate) used: Option<i64>,
        pub(crate) revoked: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The table `control_revoked_family`.
pub(super) mod revoked {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "control_revoked_family")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) family: String,
        pub(crate) revoked: i64,
        pub(crate) expires: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
