//! Registered clients.

use fhir::Instant;
use policy::Purpose;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, Iterable, QueryFilter, QueryOrder};

use super::{Control, list};
use crate::error::StoreError;

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// It cannot keep a secret (a browser or phone app).
    Public,
    /// By a shared secret.
    Symmetric,
    /// By a signature under one of its registered keys.
    Asymmetric,
}

impl ClientKind {
    fn code(self) -> &'static str {
        match self {
            ClientKind::Public => "public",
            ClientKind::Symmetric => "symmetric",
            ClientKind::Asymmetric => "asymmetric",
        }
    }

    fn parse(code: &str) -> Result<ClientKind, StoreError> {
        match code {
            "public" => Ok(ClientKind::Public),
            "symmetric" => Ok(ClientKind::Symmetric),
            "asymmetric" => Ok(ClientKind::Asymmetric),
            _ => Err(StoreError::Corrupt(format!("client kind `{code}` is not known"))),
        }
    }
}

/// A registered client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its identifier.
    pub client_id: String,
    /// What people see.
    pub name: String,
    /// How it proves who it is.
    pub kind: ClientKind,
    /// The hash of its secret.
    pub secret_hash: Option<String>,
    /// Its keys as a JSON Web Key Set.
    pub jwks: Option<String>,
    /// Where its key set is fetched.
    pub jwks_url: Option<String>,
    /// Where answers may be sent.
    pub redirect_uris: Vec<String>,
    /// Where it may be launched.
    pub launch_urls: Vec<String>,
    /// The scopes it may ask for.
    pub scopes: String,
    /// The purpose of use that its tokens have.
    pub purpose: Purpose,
    /// The ODS code of the organisation behind it.
    pub organisation: Option<String>,
    /// The feeds it may send.
    pub feeds: Vec<String>,
    /// The web origins it may call from.
    pub origins: Vec<String>,
    /// Whether it may do anything at all.
    pub is_active: bool,
    /// When it was registered.
    pub created: Instant,
}

impl Control {
    /// Registers a client or replaces its registration; the moment of the first registration is kept.
    pub async fn put_client(&self, client: &Client) -> Result<(), StoreError> {
        let _forgets = self.tokens.forgets();
        let replaced = row::Column::iter()
            .filter(|column| !matches!(column, row::Column::ClientId | row::Column::Created))
            .collect::<Vec<_>>();
        row::Entity::insert(to_row(client))
            .on_conflict(OnConflict::column(row::Column::ClientId).update_columns(replaced).to_owned())
            .exec_without_returning(&self.db)
            .await?;
        Ok(())
    }

    /// The client with that identifier, active or not.
    pub async fn client(&self, client_id: &str) -> Result<Option<Client>, StoreError> {
        row::Entity::find_by_id(client_id).one(&self.db).await?.map(from_row).transpose()
    }

    /// All clients by identifier.
    pub async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        let rows = row::Entity::find().order_by_asc(row::Column::ClientId).all(&self.db).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// Stops a client: its tokens are dead from now on. Says whether there is such a client.
    pub async fn deactivate_client(&self, client_id: &str) -> Result<bool, StoreError> {
        let _forgets = self.tokens.forgets();
        let changed = row::Entity::update_many()
            .col_expr(row::Column::IsActive, false.into())
            .filter(row::Column::ClientId.eq(client_id))
            .exec(&self.db)
            .await?;
        Ok(changed.rows_affected > 0)
    }
}

fn to_row(client: &Client) -> row::ActiveModel {
    row::ActiveModel {
        client_id: Set(client.client_id.clone()),
        name: Set(client.name.clone()),
        kind: Set(client.kind.code().to_owned()),
        secret_hash: Set(client.secret_hash.clone()),
        jwks: Set(client.jwks.clone()),
        jwks_url: Set(client.jwks_url.clone()),
        redirect_uris: Set(list::to_json(&client.redirect_uris)),
        launch_urls: Set(list::to_json(&client.launch_urls)),
        scopes: Set(client.scopes.clone()),
        purpose: Set(client.purpose.as_str().to_owned()),
        organisation: Set(client.organisation.clone()),
        feeds: Set(list::to_json(&client.feeds)),
        origins: Set(list::to_json(&client.origins)),
        is_active: Set(client.is_active),
        created: Set(client.created.0),
    }
}

fn from_row(row: row::Model) -> Result<Client, StoreError> {
    Ok(Client {
        kind: ClientKind::parse(&row.kind)?,
        redirect_uris: list::from_json("redirect_uris", &row.redirect_uris)?,
        launch_urls: list::from_json("launch_urls", &row.launch_urls)?,
        feeds: list::from_json("feeds", &row.feeds)?,
        origins: list::from_json("origins", &row.origins)?,
        client_id: row.client_id,
        name: row.name,
        secret_hash: row.secret_hash,
        jwks: row.jwks,
        jwks_url: row.jwks_url,
        scopes: row.scopes,
        purpose: parse_purpose(&row.purpose)?,
        organisation: row.organisation,
        is_active: row.is_active,
        created: Instant(row.created),
    })
}

/// The purpose in a column.
pub(super) fn parse_purpose(text: &str) -> Result<Purpose, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(format!("purpose `{text}` is not known")))
}

/// The table `control_client`.
pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "control_client")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) client_id: String,
        pub(crate) name: String,
        pub(crate) kind: String,
        pub(crate) secret_hash: Option<String>,
        pub(crate) jwks: Option<String>,
        pub(crate) jwks_url: Option<String>,
        pub(crate) redirect_uris: String,
        pub(crate) launch_urls: String,
        pub(crate) scopes: String,
        pub(crate) purpose: String,
        pub(crate) organisation: Option<String>,
        pub(crate) feeds: String,
        pub(crate) origins: String,
        pub(crate) is_active: bool,
        pub(crate) created: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
