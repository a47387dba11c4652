//! Puts the parts together, as configuration says. The only place that mints the system token.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use definitions::Definitions;
use export::{Export, ExportOptions};
use fhir::Instant;
use ingest::mllp::{MllpHandle, MllpOptions};
use ingest::ndjson::{Ndjson, NdjsonOptions};
use ingest::{Answerer, Ingest, IngestOptions, QuarantineCode, Strictnesses};
use outbound::Outbound;
use policy::{Purpose, SystemToken};
use profiles::{InForce, Validator};
use rest::{RemoteOptions, RemoteTerminology, ServerHandle, ServerOptions, Terminologies, Weir};
use search::Registry;
use store::audit::{AuditOutcome, AuditRecord};
use store::{Location, Store, StoreOptions, Worker};
use tokio::net::TcpSocket;
use tokio::sync::{Notify, Semaphore};

use crate::config::{Config, Strictness};
use crate::package::{self, Watcher};
use crate::reindexer::Reindexer;

/// Connections that wait to be accepted; clients of a busy moment, not more.
const BACKLOG: u32 = 1024;

/// What the definitions give; the same for every command.
pub struct Knowledge {
    /// R4 and UK Core.
    pub definitions: Arc<Definitions>,
    /// Search parameters of R4, which feeds and exports ask by; those in force are [`Store::registry`].
    pub registry: Arc<Registry>,
    /// Profiles, compiled.
    pub validator: Arc<Validator>,
}

impl Knowledge {
    /// Reads the embedded definitions.
    pub fn load() -> Result<Knowledge> {
        let base = Definitions::r4().context("read the embedded R4 definitions")?;
        let definitions = Arc::new(profiles::with_uk_core(&base).context("read the embedded UK Core definitions")?);
        let registry = Arc::new(Registry::new(&definitions));
        let validator = Arc::new(Validator::new(Arc::clone(&definitions)));
        Ok(Knowledge { definitions, registry, validator })
    }
}

/// An opened store with what works on it.
pub struct House {
    /// Settings.
    pub config: Config,
    /// Definitions that are built in.
    pub knowledge: Knowledge,
    /// The validator of these with the installed packages over them.
    pub validators: Arc<InForce>,
    /// The number of the packages that are in force.
    pub package_generation: i64,
    /// Resources and control data.
    pub store: Store,
    /// What is known of codes beside the definitions.
    pub terminologies: Arc<Terminologies>,
    /// The right to do the server's own work.
    pub token: SystemToken,
}

/// The time now.
pub fn now() -> Instant {
    Instant(jiff::Timestamp::now().as_millisecond())
}

/// 32 random bytes of the operating system; without them nothing secret can be made, so there is no way on.
#[expect(clippy::expect_used, reason = "an operating system without randomness cannot run this server safely")]
pub fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// The user of the operating system that runs this process, by number: names can be set by whoever calls.
pub fn operating_system_user() -> String {
    use std::os::unix::fs::MetadataExt as _;
    let user = std::fs::metadata("/proc/self").map(|metadata| metadata.uid().to_string());
    format!("uid {}", user.as_deref().unwrap_or("not known"))
}

impl House {
    /// Opens the store, migrates it, and brings the installed packages into force.
    pub async fn open(config: Config) -> Result<House> {
        let mut house = House::open_base(config).await?;
        let found = package::bring_in_force(&house.store, &house.knowledge.definitions, &house.validators).await;
        house.package_generation = found
            .context("the installed packages cannot be brought into force; `weir package remove` takes one out")?;
        Ok(house)
    }

    /// Opens the store with the built-in definitions alone: for the commands about packages.
    pub async fn open_base(config: Config) -> Result<House> {
        let knowledge = Knowledge::load()?;
        let location = if config.server.database_url.is_empty() {
            Location::Sqlite(config.server.data_dir.clone())
        } else {
            Location::Postgres(config.server.database_url.clone())
        };
        let mut options = StoreOptions::new(location, Arc::clone(&knowledge.registry), Arc::new(now));
        options.database_timeout = std::time::Duration::from_millis(config.limits.database_timeout_ms);
        options.search_timeout = std::time::Duration::from_millis(config.limits.search_timeout_ms);
        let store = Store::open(options).await.context("open the store")?;
        let validators = Arc::new(InForce::new(Arc::clone(&knowledge.validator)));
        let terminologies = Arc::new(terminologies(&config, &store, &validators)?);
        let token = SystemToken::mint();
        Ok(House { config, knowledge, validators, package_generation: 0, store, terminologies, token })
    }

    /// Records in the audit log what a command does, before it is done or shown: who (the operating system's user), which command, on what.
    /// `detail` and `patients` hold logical ids and names of settings, never personal data.
    pub async fn audit(&self, command: &str, patients: Vec<String>, detail: serde_json::Value) -> Result<()> {
        let mut record = AuditRecord::new(now(), format!("command {command}"), AuditOutcome::Success);
        record.user = Some(operating_system_user());
        record.purpose = Some(Purpose::Administration.to_string());
        record.organisation = Some(self.config.organisation.ods_code.clone());
        record.patients = patients;
        record.detail = Some(detail);
        self.store.audit().append(record).await.context("write the audit log; nothing is done without it")?;
        Ok(())
    }

    /// The pipeline of the feeds.
    pub fn ingest(&self) -> Arc<Ingest> {
        let feeds = &self.config.feeds;
        let terminologies = Arc::clone(&self.terminologies);
        let answerer: Answerer = Arc::new(move |questions| {
            let terminologies = Arc::clone(&terminologies);
            Box::pin(async move { terminologies.tell(questions, std::time::Duration::ZERO).await })
        });
        Arc::new(Ingest::new(IngestOptions {
            store: self.store.clone(),
            registry: Arc::clone(&self.knowledge.registry),
            validators: Arc::clone(&self.validators),
            answerer: self.terminologies.can_tell().then_some(answerer),
            clock: Arc::new(now),
            random: Arc::new(random),
            token: self.token.clone(),
            ods_code: self.config.organisation.ods_code.clone(),
            strictness: Strictnesses {
                acute_hl7v2: strictness(feeds.acute_hl7v2_strictness),
                gp_connect: strictness(feeds.gp_connect_strictness),
                social_care_cld: strictness(feeds.social_care_cld_strictness),
            },
            quarantine_code: match self.config.mllp.quarantine_acknowledgement.as_str() {
                "AA" => QuarantineCode::Accept,
                _ => QuarantineCode::Error,
            },
        }))
    }

    /// Loads of NDJSON, held against what REST writes must satisfy.
    pub fn ndjson(&self) -> Arc<Ndjson> {
        let validation = &self.config.validation;
        Ndjson::new(NdjsonOptions {
            store: self.store.clone(),
            validators: Arc::clone(&self.validators),
            validation: profiles::Options {
                uk_core: validation.uk_core,
                strictness: strictness(validation.strictness),
                ..profiles::Options::default()
            },
            clock: Arc::new(now),
            token: self.token.clone(),
            ods_code: self.config.organisation.ods_code.clone(),
            base_url: self.config.server.base_url(),
            user: operating_system_user(),
            threads: processors(),
        })
    }

    /// Bulk exports.
    pub fn export(&self) -> Arc<Export> {
        let settings = &self.config.export;
        Arc::new(Export::new(ExportOptions {
            store: self.store.clone(),
            registry: Arc::clone(&self.knowledge.registry),
            definitions: Arc::clone(&self.knowledge.definitions),
            clock: Arc::new(now),
            random: Arc::new(random),
            token: self.token.clone(),
            folder: self.export_folder(),
            base_url: self.config.server.base_url(),
            ods_code: self.config.organisation.ods_code.clone(),
            answer_age_max_hours: settings.opt_out_answer_age_max_hours,
            file_life_hours: settings.file_life_hours,
            file_bytes_max: settings.file_bytes_max,
        }))
    }

    fn export_folder(&self) -> PathBuf {
        self.config.server.data_dir.join("export")
    }
}

/// A running server with its listeners and workers.
pub struct Running {
    /// The HTTP server.
    pub http: ServerHandle,
    /// The HL7 v2 listener.
    pub mllp: Option<MllpHandle>,
    /// The way out, for callers of this process.
    pub weir: Arc<Weir>,
    workers: Vec<Worker>,
    reindexer: Reindexer,
    watcher: Watcher,
}

impl Running {
    /// Starts everything that configuration names. Port 0 becomes the one that was free, in the house's settings too, since URLs are made of it.
    pub async fn start(house: &mut House, pages: Vec<rest::Page>) -> Result<Running> {
        let listen = address("server.listen", &house.config.server.listen)?;
        refuse_open_access_beyond_loopback(&house.config, listen)?;
        refuse_address_for_nobody(&house.config, listen)?;
        let socket = bound(listen).with_context(|| cannot_listen(listen))?;
        house.config.server.listen = socket.local_addr().with_context(|| cannot_listen(listen))?.to_string();
        let house = &*house;
        let config = &house.config;
        if config.validation.strictness == Strictness::Off {
            tracing::warn!("the setting validation.strictness is off: what is written over REST is not validated");
        }
        let ingest = house.ingest();
        let export = house.export();
        let key = house.store.control().key_or_insert("page-link", &random(), now()).await?;
        let page_link_key =
            key.secret.as_slice().try_into().map_err(|_| anyhow!("the page link key has the wrong length"))?;
        let limits =
            outbound::Limits { is_private_allowed: config.outbound.private_addresses, ..outbound::Limits::default() };
        let weir = Arc::new(Weir {
            settings: settings(config, pages)?,
            store: house.store.clone(),
            definitions: Arc::clone(&house.knowledge.definitions),
            validators: Arc::clone(&house.validators),
            terminologies: Arc::clone(&house.terminologies),
            ingest: Arc::clone(&ingest),
            export: Arc::clone(&export),
            outbound: Arc::new(Outbound::new(limits)?),
            clock: Arc::new(now),
            random: Arc::new(random),
            metrics: rest::metrics_recorder()?,
            wake: Arc::new(Notify::new()),
            // Each is mostly waiting for the commit that it shares with others; their trees take up to ten times a body in memory.
            large_bodies: Arc::new(Semaphore::new(4 * processors())),
            page_link_key,
        });
        let options =
            ServerOptions { workers: config.server.workers, shutdown_timeout_s: config.server.shutdown_timeout_s };
        let http = rest::start(Arc::clone(&weir), socket, &options).with_context(|| cannot_listen(listen))?;
        let mllp = if config.mllp.listen.is_empty() { None } else { Some(start_mllp(config, ingest).await?) };
        let mut workers = rest::start_async_workers(&weir);
        workers.push(export.start());
        let (base, place) = (Arc::clone(&house.knowledge.definitions), Arc::clone(&house.validators));
        let watcher = Watcher::start(house.store.clone(), base, place, house.package_generation);
        Ok(Running { http, mllp, weir, workers, reindexer: Reindexer::start(house), watcher })
    }

    /// Lets requests, messages and the export in hand finish, then returns.
    pub async fn stop(self) -> Result<()> {
        if let Some(mllp) = self.mllp {
            mllp.stop().await;
        }
        self.http.stop().await?;
        for worker in self.workers {
            worker.stop().await;
        }
        self.reindexer.stop().await;
        self.watcher.stop().await;
        Ok(())
    }
}

/// How many do heavy work at a time: one a processor, and two where there is one, since one of them may wait for the disk.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, |count| count.get().max(2))
}

/// The terminology server of the configuration; the URL is empty where none is named.
pub fn remote_options(config: &Config) -> RemoteOptions {
    let settings = &config.terminology;
    RemoteOptions {
        base_url: settings.server_url.clone(),
        is_private_allowed: config.outbound.private_addresses,
        systems: settings.systems.clone(),
        validation_timeout_ms: settings.validation_timeout_ms,
    }
}

fn terminologies(config: &Config, store: &Store, validators: &Arc<InForce>) -> Result<Terminologies> {
    let remote = remote_options(config);
    Ok(Terminologies {
        store: store.clone(),
        validators: Arc::clone(validators),
        clock: Arc::new(now),
        remote: (!remote.base_url.is_empty()).then(|| RemoteTerminology::new(remote)).transpose()?,
        is_stored_bound: config.validation.stored_definitions,
        definitions_max: config.limits.page_count_max,
        stored: rest::StoredDefinitions::default(),
        bound: rest::Bound::default(),
    })
}

fn refuse_open_access_beyond_loopback(config: &Config, listen: SocketAddr) -> Result<()> {
    if config.server.open_access && !listen.ip().is_loopback() {
        bail!("--open-access serves everything without a token, so it starts on loopback only; {listen} is not");
    }
    Ok(())
}

/// Tokens, links and the SMART configuration hold the server's URL, and nobody can reach 0.0.0.0.
fn refuse_address_for_nobody(config: &Config, listen: SocketAddr) -> Result<()> {
    if listen.ip().is_unspecified() && config.server.public_url.is_empty() {
        bail!(
            "{listen} is every address of this machine: say with the setting server.public_url (WEIR_SERVER_PUBLIC_URL) by which URL clients reach it"
        );
    }
    Ok(())
}

/// An address and port, as a setting holds it.
fn address(setting: &str, text: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| format!("{setting}: `{text}` is not an IP address and port, as 127.0.0.1:8080"))
}

/// A socket that listens.
fn bound(at: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Without it a restart would wait for the connections of the last run to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)?.into_std()
}

fn cannot_listen(at: SocketAddr) -> String {
    format!("cannot listen on {at}")
}

async fn start_mllp(config: &Config, ingest: Arc<Ingest>) -> Result<MllpHandle> {
    let listen = address("mllp.listen", &config.mllp.listen)?;
    let allowed = ip_addresses("mllp.allowed_addresses", &config.mllp.allowed_addresses)?;
    let options = MllpOptions { listen, allowed, message_bytes_max: config.mllp.message_bytes_max };
    ingest::mllp::start(ingest, options).await.with_context(|| format!("{} for HL7 v2", cannot_listen(listen)))
}

fn ip_addresses(setting: &str, texts: &[String]) -> Result<Vec<IpAddr>> {
    let parse = |text: &String| text.parse().with_context(|| format!("{setting}: `{text}` is not an IP address"));
    texts.iter().map(parse).collect()
}

fn strictness(setting: Strictness) -> profiles::Strictness {
    match setting {
        Strictness::Reject => profiles::Strictness::Reject,
        Strictness::Warn => profiles::Strictness::Warn,
        Strictness::Off => profiles::Strictness::Off,
    }
}

fn settings(config: &Config, pages: Vec<rest::Page>) -> Result<rest::Settings> {
    let smart = &config.smart;
    Ok(rest::Settings {
        trusted_proxies: ip_addresses("server.trusted_proxies", &config.server.trusted_proxies)?,
        base_url: config.server.base_url(),
        origin: config.server.public_origin(),
        base_path: config.server.base_path.clone(),
        is_open_access: config.server.open_access,
        organisation_name: config.organisation.name.clone(),
        ods_code: config.organisation.ods_code.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        limits: rest::Limits {
            body_bytes_max: config.limits.body_bytes_max,
            body_timeout: std::time::Duration::from_millis(config.limits.body_timeout_ms),
            bundle_entries_max: config.limits.bundle_entries_max,
            conditional_delete_max: config.limits.conditional_delete_max,
            page_count_default: config.limits.page_count_default,
            page_count_max: config.limits.page_count_max,
        },
        is_uk_core_required: config.validation.uk_core,
        missing_target: match config.validation.references {
            Strictness::Reject => Some(fhir::Severity::Error),
            Strictness::Warn => Some(fhir::Severity::Warning),
            Strictness::Off => None,
        },
        strictness: strictness(config.validation.strictness),
        lives: smart::Lives {
            access_token_s: smart.access_token_life_s,
            backend_token_s: smart.backend_token_life_s,
            refresh_token_s: smart.refresh_token_life_s,
            code_s: smart.authorization_code_life_s,
            session_s: smart.session_life_s,
        },
        pages,
    })
}
