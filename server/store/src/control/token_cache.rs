//! Access tokens that were found alive a moment ago, so that the requests of an app do not each ask the database.
//!
//! What kills a token through this process ([`TokenCache::forgets`]) empties the cache before it returns. What another process does (a
//! command beside the server, another node) is seen when the token is next looked up: within [`LIFE_MS`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fhir::Instant;

use super::token::Token;

/// How long a token that was found alive is not looked up again.
const LIFE_MS: i64 = 1_000;
/// Tokens that are remembered; when there are more, all are looked up again.
const TOKENS_MAX: usize = 10_000;

/// The cache. Clones share it.
#[derive(Clone, Default)]
pub(super) struct TokenCache(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// How often the cache was emptied: what was read before the last time is not remembered.
    emptied: u64,
    /// By hash, with the moment of the look-up.
    tokens: HashMap<Vec<u8>, (Instant, Token)>,
}

impl TokenCache {
    /// The token with that hash if it was found alive within the last second and has not expired since; else what
    /// [`TokenCache::remember`] wants to know.
    pub(super) fn find(&self, hash: &[u8], now: Instant) -> Result<Token, u64> {
        let kept = self.kept();
        match kept.tokens.get(hash) {
            // A clock that was set back must not lengthen the life.
            Some((read, token)) if (read.0..read.0.saturating_add(LIFE_MS)).contains(&now.0) && token.expires > now => {
                Ok(token.clone())
            }
            _ => Err(kept.emptied),
        }
    }

    /// Remembers a token that was read after `find` had no answer, unless the cache was emptied in between.
    pub(super) fn remember(&self, token: &Token, now: Instant, emptied: u64) {
        // The end of a session is not known here.
        if token.session.is_some() {
            return;
        }
        let mut kept = self.kept();
        if kept.emptied != emptied {
            return;
        }
        if kept.tokens.len() >= TOKENS_MAX {
            kept.tokens.clear();
        }
        kept.tokens.insert(token.hash.clone(), (now, token.clone()));
    }

    /// For a write by which tokens may die: the cache is emptied when what is given goes out of scope, however the write ended.
    pub(super) fn forgets(&self) -> Forgets<'_> {
        Forgets(self)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // What a thread left that failed with the lock is whole: no change takes two steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Empties the cache at the end of its scope.
#[must_use]
pub(super) struct Forgets<'a>(&'a TokenCache);

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        let mut kept = self.0.kept();
        kept.emptied += 1;
        kept.tokens.clear();
    }
}
