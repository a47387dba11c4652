//! `weir client`: registers apps and services.

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy::{Purpose, Scopes};
use serde_json::json;
use store::control::{Client, ClientKind as StoredKind};

use crate::cli::{ClientAddArgs, ClientCommand, ClientKind, ClientPurpose, NamedArgs, StoreArgs};
use crate::table::table;
use crate::wiring::{self, House};

/// A registration as it is asked for.
pub struct Registration {
    /// Client id; made up when `None`.
    pub id: Option<String>,
    /// Name for people.
    pub name: String,
    /// How it authenticates.
    pub kind: ClientKind,
    /// A JWKS, or its URL.
    pub jwks: Option<String>,
    /// Scopes it may ask for.
    pub scope: String,
    /// Redirect URIs.
    pub redirect_uris: Vec<String>,
    /// Web origins.
    pub origins: Vec<String>,
    /// ODS code of its organisation; the controller's when `None`.
    pub ods_code: Option<String>,
    /// Purpose.
    pub purpose: ClientPurpose,
}

impl Registration {
    /// A client of direct care, with an id and scopes and nothing else said.
    pub fn new(id: &str, name: &str, kind: ClientKind, scope: &str) -> Registration {
        Registration {
            id: Some(id.to_owned()),
            name: name.to_owned(),
            kind,
            jwks: None,
            scope: scope.to_owned(),
            redirect_uris: Vec::new(),
            origins: Vec::new(),
            ods_code: None,
            purpose: ClientPurpose::DirectCare,
        }
    }
}

/// Runs the command.
pub async fn run(command: ClientCommand) -> Result<()> {
    match command {
        ClientCommand::Add(arguments) => add(arguments).await,
        ClientCommand::List(arguments) => list(&arguments).await,
        ClientCommand::Disable(arguments) => disable(&arguments).await,
    }
}

async fn disable(arguments: &NamedArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    house.audit("client disable", Vec::new(), json!({"client": arguments.name})).await?;
    if !house.store.control().deactivate_client(&arguments.name).await? {
        bail!("there is no client `{}`; `weir client list` lists them", arguments.name);
    }
    crate::out(&format!("client {} is disabled\n", arguments.name));
    Ok(())
}

async fn add(arguments: ClientAddArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    let jwks = match arguments.jwks {
        Some(text) if text.starts_with("https://") || text.starts_with("http://") => Some(text),
        Some(path) => Some(std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?),
        None => None,
    };
    let registration = Registration {
        id: arguments.id,
        name: arguments.name,
        kind: arguments.kind,
        jwks,
        scope: arguments.scope,
        redirect_uris: arguments.redirect_uri,
        origins: arguments.origin,
        ods_code: arguments.ods_code,
        purpose: arguments.purpose,
    };
    let (id, secret) = register(&house, registration).await?;
    crate::out(&format!("client_id      {id}\n"));
    if let Some(secret) = secret {
        crate::out(&format!("client_secret  {secret}\n\nThe secret is shown once; Weir keeps its hash only.\n"));
    }
    Ok(())
}

/// Checks a registration and keeps it; answers the client id, and the secret of a symmetric client.
pub async fn register(house: &House, registration: Registration) -> Result<(String, Option<String>)> {
    let scopes = Scopes::parse(&registration.scope).context("--scope")?;
    if registration.jwks.is_some() && registration.kind != ClientKind::Asymmetric {
        bail!("--jwks is for clients that sign with a key of their own; give --kind asymmetric with it");
    }
    let id = match registration.id {
        Some(id) => id,
        None => URL_SAFE_NO_PAD.encode(wiring::random().get(..12).unwrap_or_default()),
    };
    if house.store.control().client(&id).await?.is_some() {
        bail!("there is a client `{id}` already");
    }
    let secret = (registration.kind == ClientKind::Symmetric).then(|| URL_SAFE_NO_PAD.encode(wiring::random()));
    let (jwks_url, jwks) = match registration.jwks {
        Some(text) if text.starts_with("http") => (Some(text), None),
        Some(text) => (None, Some(text)),
        None => (None, None),
    };
    let client = Client {
        client_id: id.clone(),
        name: registration.name,
        kind: match registration.kind {
            ClientKind::Public => StoredKind::Public,
            ClientKind::Symmetric => StoredKind::Symmetric,
            ClientKind::Asymmetric => StoredKind::Asymmetric,
        },
        secret_hash: secret.as_deref().map(smart::secret_hash),
        jwks,
        jwks_url,
        redirect_uris: registration.redirect_uris,
        launch_urls: Vec::new(),
        feeds: scopes.feeds().map(str::to_owned).collect(),
        scopes: registration.scope,
        purpose: match registration.purpose {
            ClientPurpose::DirectCare => Purpose::DirectCare,
            ClientPurpose::SecondaryUse => Purpose::SecondaryUse,
            ClientPurpose::Administration => Purpose::Administration,
        },
        organisation: Some(registration.ods_code.unwrap_or_else(|| house.config.organisation.ods_code.clone())),
        origins: registration.origins,
        is_active: true,
        created: wiring::now(),
    };
    rest::registered_client(&client)?;
    house.audit("client add", Vec::new(), json!({"client": id})).await?;
    house.store.control().put_client(&client).await?;
    Ok((id, secret))
}

async fn list(arguments: &StoreArgs) -> Result<()> {
    let house = House::open(super::config(arguments)?).await?;
    let mut rows = vec![["client_id", "name", "kind", "purpose", "state"].map(str::to_owned).to_vec()];
    for client in house.store.control().clients().await? {
        rows.push(vec![
            client.client_id,
            client.name,
            format!("{:?}", client.kind).to_lowercase(),
            client.purpose.to_string(),
            super::state(client.is_active),
        ]);
    }
    crate::out(&table(&rows));
    Ok(())
}
