//! What every request needs: the parts of one running Weir, handed in by `app`.

use std::sync::Arc;

use definitions::Definitions;
use export::Export;
use fhir::Instant;
use ingest::Ingest;
use metrics_exporter_prometheus::PrometheusHandle;
use outbound::Outbound;
use profiles::{InForce, Validator};
use search::Registry;
use store::Store;
use tokio::sync::{Notify, Semaphore};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Gives 32 random bytes.
pub type Random = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

/// One running Weir.
pub struct Weir {
    /// What configuration says.
    pub settings: Settings,
    /// Resources, history, audit, control data.
    pub store: Store,
    /// What R4 and UK Core define: types, compartments and search parameters are these whatever is installed.
    pub definitions: Arc<Definitions>,
    /// Profiles and codes, with those of installed packages.
    pub validators: Arc<InForce>,
    /// Stored ValueSets, CodeSystems and ConceptMaps, and who else is asked about codes.
    pub terminologies: Arc<crate::Terminologies>,
    /// Feeds.
    pub ingest: Arc<Ingest>,
    /// Bulk exports.
    pub export: Arc<Export>,
    /// Calls that leave the house.
    pub outbound: Arc<Outbound>,
    /// The time.
    pub clock: Clock,
    /// Randomness for ids, codes and tokens.
    pub random: Random,
    /// Counters for `/metrics`.
    pub metrics: PrometheusHandle,
    /// Wakes those who carry out what was asked by `Prefer: respond-async`.
    pub wake: Arc<Notify>,
    /// How many requests with large bodies are worked on at a time, on threads of their own.
    pub large_bodies: Arc<Semaphore>,
    /// Key of page links; lives in the control data, apart from clinical data.
    pub page_link_key: [u8; 32],
}

/// Settings that requests depend on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Public URL of the FHIR API, without a trailing slash.
    pub base_url: String,
    /// Scheme, host and port as clients see them.
    pub origin: String,
    /// Path of the FHIR API, as `/fhir`.
    pub base_path: String,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// No token is needed.
    pub is_open_access: bool,
    /// Name of the controller, for pages.
    pub organisation_name: String,
    /// ODS code of the controller.
    pub ods_code: String,
    /// Version of the software.
    pub version: String,
    /// Sizes and times.
    pub limits: Limits,
    /// UK Core profile of the type on write, claimed or not.
    pub is_uk_core_required: bool,
    /// How bad a reference is whose target the writer would not find; `None`: nobody looks.
    pub missing_target: Option<fhir::Severity>,
    /// What happens to a write with errors.
    pub strictness: profiles::Strictness,
    /// Lives of tokens and codes.
    pub lives: smart::Lives,
    /// Further pages, as the demo's app.
    pub pages: Vec<Page>,
}

/// A page that is served as it is, without a token.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Its path.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: &'static [u8],
}

/// Sizes and times beyond which a request is refused.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Request body after decompression.
    pub body_bytes_max: usize,
    /// How long a request body may take to come.
    pub body_timeout: std::time::Duration,
    /// Entries of a batch or transaction.
    pub bundle_entries_max: usize,
    /// Resources that one conditional delete may delete; at least one.
    pub conditional_delete_max: u32,
    /// Page size unless asked.
    pub page_count_default: u32,
    /// Page size at the most.
    pub page_count_max: u32,
}

impl Weir {
    /// The time now.
    pub fn now(&self) -> Instant {
        (self.clock)()
    }

    /// The validator in force, which knows the definitions in force.
    pub fn validator(&self) -> Arc<Validator> {
        self.validators.get()
    }

    /// The search parameters in force, those that came at run time with them.
    pub fn registry(&self) -> Arc<Registry> {
        self.store.registry()
    }

    /// A new logical id: a random UUID (version 4), so that ids tell nothing and spread evenly.
    pub fn new_id(&self) -> String {
        let random = (self.random)();
        let half =
            |at: usize| random.iter().skip(at).take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let high = half(0) & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = half(8) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }

    /// What the SMART protocol needs to know of this server.
    pub fn smart_server(&self) -> smart::Server {
        let mut server = smart::Server::new(&self.settings.base_url, &format!("{}/auth", self.settings.origin));
        // No endpoint or command makes a launch yet.
        server.offers_ehr_launch = false;
        server.lives = self.settings.lives;
        server
    }
}
