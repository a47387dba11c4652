//! Arguments of the commands that serve, and where every command finds the data.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// Where the data are and which settings hold.
#[derive(Debug, Clone, Default, Args)]
pub struct StoreArgs {
    /// Settings file (TOML). `weir config` prints every setting with its default.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the embedded databases and of export files [default: ./weir-data].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// PostgreSQL instead of the embedded database, as postgres://user:password@host/database.
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
}

/// `weir serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where the data are.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Address and port of the HTTP server [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Address and port of the HL7 v2 listener; without it none is started.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub mllp: Option<SocketAddr>,
    /// Serve everything without a token. Refused unless the server listens on loopback.
    #[arg(long)]
    pub open_access: bool,
}

/// `weir demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the demo's data; must be new or empty [default: a fresh temporary folder].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address and port of the HTTP server.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Check the numbers of the summary and leave instead of staying up. For CI.
    #[arg(long)]
    pub check: bool,
}
