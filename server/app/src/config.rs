//! Configuration: the defaults, a TOML file over them, `WEIR_...` environment variables over both.
//!
//! The contract is `config.schema.json`; `config.default.toml` holds every setting. A key that the schema does not know is an error that names it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

const DEFAULTS: &str = include_str!("../config.default.toml");
const SCHEMA: &str = include_str!("../config.schema.json");

/// All settings of one Weir.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// The HTTP server and where the data lie.
    pub server: Server,
    /// The controller of this store.
    pub organisation: Organisation,
    /// Sizes beyond which a request is refused.
    pub limits: Limits,
    /// What a REST write must satisfy.
    pub validation: Validation,
    /// The HL7 v2 listener.
    pub mllp: Mllp,
    /// What feeds must satisfy.
    pub feeds: Feeds,
    /// Lives of tokens, codes and sessions.
    pub smart: Smart,
    /// Bulk export.
    pub export: Export,
    /// Calls to other servers.
    pub outbound: Outbound,
    /// Codes.
    pub terminology: Terminology,
    /// Logging.
    pub log: Log,
}

/// `[server]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Server {
    /// Address and port.
    pub listen: String,
    /// Path of the FHIR API.
    pub base_path: String,
    /// Scheme, host and port as clients see them; empty: from `listen`.
    pub public_url: String,
    /// Folder of databases and export files.
    pub data_dir: PathBuf,
    /// PostgreSQL; empty: SQLite under `data_dir`.
    pub database_url: String,
    /// Proxies that say for whom they call.
    pub trusted_proxies: Vec<String>,
    /// No token needed; loopback only.
    pub open_access: bool,
    /// HTTP threads; 0: one a core.
    pub workers: usize,
    /// Seconds that a stop waits.
    pub shutdown_timeout_s: u64,
}

impl Server {
    /// The public URL of the FHIR API, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("{}{}", self.public_origin(), self.base_path)
    }

    /// Scheme, host and port as clients see them.
    pub fn public_origin(&self) -> String {
        if self.public_url.is_empty() { format!("http://{}", self.listen) } else { self.public_url.clone() }
    }
}

/// `[organisation]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Organisation {
    /// ODS code.
    pub ods_code: String,
    /// Name for pages.
    pub name: String,
}

/// `[limits]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Limits {
    /// Largest request body.
    pub body_bytes_max: usize,
    /// Longest wait for a whole request body.
    pub body_timeout_ms: u64,
    /// Entries of a batch or transaction.
    pub bundle_entries_max: usize,
    /// Resources that one conditional delete may delete.
    pub conditional_delete_max: u32,
    /// Page size unless asked.
    pub page_count_default: u32,
    /// Page size at the most.
    pub page_count_max: u32,
    /// Longest search.
    pub search_timeout_ms: u64,
    /// Longest wait for an answer of PostgreSQL.
    pub database_timeout_ms: u64,
}

/// `[validation]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Validation {
    /// UK Core profile of the type, claimed or not.
    pub uk_core: bool,
    /// `reject`, `warn` or `off`.
    pub strictness: Strictness,
    /// References to what is not there: `reject`, `warn` or `off`.
    pub references: Strictness,
    /// Whether stored ValueSets and CodeSystems count.
    pub stored_definitions: bool,
}

/// What happens to a resource with errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strictness {
    /// Refused or quarantined.
    Reject,
    /// Stored with its issues.
    Warn,
    /// Stored without a look.
    Off,
}

/// `[outbound]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Outbound {
    /// Whether key sets and the registry may lie at private and loopback addresses.
    pub private_addresses: bool,
    /// URL of the registry of FHIR packages; empty: none.
    pub package_registry: String,
}

/// `[terminology]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Terminology {
    /// FHIR API of a terminology server; empty: none is asked.
    pub server_url: String,
    /// Code systems of which validation asks it.
    pub systems: Vec<String>,
    /// Longest wait of one write for its answers; 0: validation does not ask.
    pub validation_timeout_ms: u64,
}

/// `[mllp]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Mllp {
    /// Address and port; empty: not started.
    pub listen: String,
    /// Senders that may connect.
    pub allowed_addresses: Vec<String>,
    /// Largest message.
    pub message_bytes_max: usize,
    /// `AE` or `AA`.
    pub quarantine_acknowledgement: String,
}

/// `[feeds]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Feeds {
    /// HL7 v2.
    pub acute_hl7v2_strictness: Strictness,
    /// GP Connect.
    pub gp_connect_strictness: Strictness,
    /// Client-level data.
    pub social_care_cld_strictness: Strictness,
}

/// `[smart]`, all in seconds.
#[derive(Debug, Clone, Deserialize)]
pub struct Smart {
    /// Access token of an app.
    pub access_token_life_s: u64,
    /// Access token of a backend service.
    pub backend_token_life_s: u64,
    /// Refresh token.
    pub refresh_token_life_s: u64,
    /// Authorization code.
    pub authorization_code_life_s: u64,
    /// Login session.
    pub session_life_s: u64,
}

/// `[export]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Export {
    /// Age at which an opt-out answer is stale.
    pub opt_out_answer_age_max_hours: u64,
    /// Life of files.
    pub file_life_hours: u64,
    /// Largest file.
    pub file_bytes_max: u64,
}

/// `[log]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Log {
    /// Filter in tracing's form.
    pub filter: String,
    /// `text` or `json`.
    pub format: String,
}

impl Config {
    /// The defaults, then `file`, then `environment` (pairs of which only `WEIR_...` count).
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Config> {
        let mut settings = toml_value(DEFAULTS, "config.default.toml")?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
            let given = toml_value(&text, &path.display().to_string())?;
            check(&given, &path.display().to_string())?;
            merge(&mut settings, given);
        }
        apply_environment(&mut settings, environment)?;
        check(&settings, "the environment")?;
        serde_json::from_value(settings).context("read the configuration")
    }

    /// The file with every setting and its default.
    pub fn default_text() -> &'static str {
        DEFAULTS
    }
}

fn toml_value(text: &str, name: &str) -> Result<Value> {
    let table: toml::Table = toml::from_str(text).with_context(|| format!("{name} is not TOML"))?;
    serde_json::to_value(table).with_context(|| format!("{name} holds a value that has no JSON form"))
}

fn check(settings: &Value, name: &str) -> Result<()> {
    let schema: Value = serde_json::from_str(SCHEMA).context("read config.schema.json")?;
    let validator = jsonschema::validator_for(&schema).context("compile config.schema.json")?;
    let problems: Vec<String> = validator.iter_errors(settings).map(|error| problem(&error)).collect();
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{name}: {}", problems.join("; "));
}

/// One sentence which names the setting. Values are left out: a database URL holds a password.
fn problem(error: &jsonschema::ValidationError<'_>) -> String {
    use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
    let path = error.instance_path().to_string().trim_start_matches('/').replace('/', ".");
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            let names: Vec<String> = unexpected.iter().map(|name| format!("unknown setting `{}`", at(name))).collect();
            names.join("; ")
        }
        Kind::Pattern { pattern } => format!("setting `{path}` must match {pattern}"),
        Kind::Enum { options } => format!("setting `{path}` must be one of {options}"),
        Kind::Minimum { limit } => format!("setting `{path}` must be {limit} or more"),
        Kind::Maximum { limit } => format!("setting `{path}` must be {limit} or less"),
        Kind::Type { kind: TypeKind::Single(kind) } => format!("setting `{path}` must be of type {kind}"),
        _ => format!("setting `{path}` breaks its contract in config.schema.json"),
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn apply_environment(settings: &mut Value, environment: impl Iterator<Item = (String, String)>) -> Result<()> {
    let Value::Object(groups) = settings else { bail!("the defaults are not a table") };
    for (name, text) in environment {
        if !name.starts_with("WEIR_") || name.starts_with("WEIR_TEST_") {
            continue;
        }
        let Some(slot) = setting_named(groups, &name) else { bail!("environment variable `{name}` names no setting") };
        *slot = match slot {
            Value::String(_) => Value::String(text),
            Value::Array(_) => {
                Value::Array(text.split(',').map(|item| Value::String(item.trim().to_owned())).collect())
            }
            _ => serde_json::from_str(&text)
                .with_context(|| format!("environment variable `{name}` must be a number, true or false"))?,
        };
    }
    Ok(())
}

fn setting_named<'a>(groups: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Value> {
    groups.iter_mut().find_map(|(group, settings)| {
        settings
            .as_object_mut()?
            .iter_mut()
            .find(|(key, _)| format!("WEIR_{group}_{key}").to_uppercase() == name)
            .map(|(_, slot)| slot)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config> {
        let file = tempfile();
        std::fs::write(&file, text).unwrap();
        let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let config = Config::load(Some(&file), environment);
        std::fs::remove_file(&file).unwrap();
        config
    }

    fn tempfile() -> PathBuf {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        std::env::temp_dir().join(format!(
            "weir-config-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ))
    }

    #[test]
    fn environment_overrides_the_file_and_the_file_the_defaults() {
        let config =
            load("[server]\nlisten = '127.0.0.1:9'\nworkers = 3", &[("WEIR_SERVER_LISTEN", "127.0.0.1:8")]).unwrap();
        assert_eq!((config.server.listen.as_str(), config.server.workers), ("127.0.0.1:8", 3));
        assert_eq!(config.server.base_url(), "http://127.0.0.1:8/fhir");
    }

    #[test]
    fn unknown_keys_are_named() {
        let error = load("[server]\nlisen = 'x'", &[]).unwrap_err().to_string();
        assert!(error.contains("unknown setting `server.lisen`"), "{error}");
        let error = load("", &[("WEIR_SERVER_LISEN", "x")]).unwrap_err().to_string();
        assert!(error.contains("`WEIR_SERVER_LISEN` names no setting"), "{error}");
    }

    #[test]
    fn bad_values_are_named_without_being_echoed() {
        let error = load("[server]\ndatabase_url = 'mysql://secret@host/db'", &[]).unwrap_err().to_string();
        assert!(error.contains("`server.database_url`") && !error.contains("secret"), "{error}");
    }
}
