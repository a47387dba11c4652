//! What the SMART endpoints keep in memory: only what can be had again at any time.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use fhir::Instant;
use tokio::sync::Semaphore;

use super::key_sets::KeySets;
use crate::failure::Failure;
use crate::weir::Weir;

/// Each password check takes 19 MiB for a while: no more at a time than this, whoever asks.
const PASSWORD_CHECKS_MAX: usize = 4;

/// A change of the registered origins is seen after so long at the latest.
const ORIGINS_LIFE_MS: i64 = 30_000;

/// Shared by all workers of a server.
pub(crate) struct State {
    /// Taken while a password is checked.
    pub(super) password_checks: Semaphore,
    /// Key sets fetched from clients.
    pub(super) key_sets: KeySets,
    origins: Mutex<Option<(Instant, Arc<HashSet<String>>)>>,
}

impl State {
    /// Nothing kept yet.
    pub(crate) fn new() -> State {
        State {
            password_checks: Semaphore::new(PASSWORD_CHECKS_MAX),
            key_sets: KeySets::new(HashMap::new()),
            origins: Mutex::new(None),
        }
    }

    /// Says whether any active client registered the web origin.
    pub(super) async fn is_registered_origin(&self, weir: &Weir, origin: &str) -> Result<bool, Failure> {
        let now = weir.now();
        let kept = self.origins.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, origins)) = kept.filter(|(read, _)| now.0.saturating_sub(read.0) < ORIGINS_LIFE_MS) {
            return Ok(origins.contains(origin));
        }
        let clients = weir.store.control().clients().await?;
        let origins: HashSet<String> =
            clients.into_iter().filter(|client| client.is_active).flat_map(|client| client.origins).collect();
        let is_known = origins.contains(origin);
        *self.origins.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::new(origins)));
        Ok(is_known)
    }
}
