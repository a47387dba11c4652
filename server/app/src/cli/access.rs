//! Arguments of the commands on who may come in: `weir client`, `weir user`.

use clap::{Args, Subcommand, ValueEnum};

use super::server::StoreArgs;

/// `weir client ...`.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Registers a SMART client and prints its id, and its secret if it has one (shown once).
    Add(ClientAddArgs),
    /// Lists the clients.
    List(StoreArgs),
    /// Stops a client at once: it gets no more tokens, and those it has are refused.
    Disable(NamedArgs),
}

/// A thing by its name or id.
#[derive(Debug, Args)]
pub struct NamedArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Client id, or login name.
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// `weir client add`.
#[derive(Debug, Args)]
pub struct ClientAddArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Name that people see on the consent page.
    #[arg(long)]
    pub name: String,
    /// Client id; made up when left out.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// How the client proves who it is.
    #[arg(long, value_enum)]
    pub kind: ClientKind,
    /// Public keys of an asymmetric client: a JWKS file or its https URL.
    #[arg(long, value_name = "FILE|URL", required_if_eq("kind", "asymmetric"))]
    pub jwks: Option<String>,
    /// Scopes that the client may ask for, separated by spaces, as "patient/*.rs launch/patient".
    #[arg(long, value_name = "SCOPES")]
    pub scope: String,
    /// Where the browser goes after consent; must match exactly. May be given several times.
    #[arg(long, value_name = "URL")]
    pub redirect_uri: Vec<String>,
    /// Web origin from which a browser app calls, as https://app.example.
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
    /// ODS code of the organisation that runs the client [default: the controller's]. A sender of a feed may send that organisation's records only;
    /// the controller's own may send any.
    #[arg(long, value_name = "CODE")]
    pub ods_code: Option<String>,
    /// What the client is for. Without a purpose there is no token.
    #[arg(long, value_enum)]
    pub purpose: ClientPurpose,
}

/// How a client authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientKind {
    /// Cannot keep a secret: a browser or mobile app.
    Public,
    /// Shares a secret, which Weir makes and prints once.
    Symmetric,
    /// Signs with its own key (private_key_jwt); needed for backend services.
    Asymmetric,
}

/// The purpose of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientPurpose {
    /// Individual care.
    DirectCare,
    /// Research and planning: reaches its own exports and nothing else.
    SecondaryUse,
    /// Running the server: nothing clinical.
    Administration,
}

/// `weir user ...`.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Registers a login. The password is asked for, or read from the first line of standard input when that is no terminal.
    Add(UserAddArgs),
    /// Gives a login another password, read as for `add`; a lock after wrong passwords is lifted.
    Password(NamedArgs),
    /// Lists the logins.
    List(StoreArgs),
    /// Stops a login at once: its sessions and tokens are refused.
    Disable(NamedArgs),
}

/// `weir user add`.
#[derive(Debug, Args)]
pub struct UserAddArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Login name.
    #[arg(long)]
    pub name: String,
    /// What the person is.
    #[arg(long, value_enum)]
    pub role: UserRole,
    /// Logical id of the Patient that a patient login belongs to; may be given several times for a proxy.
    #[arg(long, value_name = "ID", required_if_eq("role", "patient"))]
    pub patient: Vec<String>,
    /// Reference to the person's own resource, as Practitioner/123.
    #[arg(long, value_name = "REFERENCE")]
    pub fhir_user: Option<String>,
}

/// The role of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UserRole {
    /// May open any patient's record, within the client's scopes.
    Clinician,
    /// May open the named patients' records only.
    Patient,
}
