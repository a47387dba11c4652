//! Key sets that clients publish, fetched through `outbound` and kept no longer than their `Cache-Control` allows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fhir::Instant;
use outbound::Call;
use smart::Jwks;

use crate::weir::Weir;

/// The longest that a key set is kept: a key that a client withdrew works no longer than this.
const LIFE_MAX_MS: i64 = 5 * 60 * 1000;

/// An unknown key, or an answer that could not be used, leads to no further call within this time.
const RETRY_MS: i64 = 10_000;

#[derive(Debug, Clone)]
pub(super) struct Kept {
    jwks: Option<Arc<Jwks>>,
    fetched: Instant,
    fresh_until: Instant,
}

/// The key sets by URL. Only URLs of registered clients come here, so that it stays small.
pub(super) struct KeySets(Mutex<HashMap<String, Kept>>);

impl KeySets {
    pub(super) fn new(kept: HashMap<String, Kept>) -> KeySets {
        KeySets(Mutex::new(kept))
    }

    /// The key set at the URL, fetched again when it is too old or lacks the key. `None` when it cannot be had.
    pub(super) async fn get(&self, weir: &Weir, url: &str, kid: &str) -> Option<Arc<Jwks>> {
        let now = weir.now();
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned();
        if let Some(kept) = kept {
            let is_recent = now.0.saturating_sub(kept.fetched.0) < RETRY_MS;
            match kept.jwks {
                Some(jwks) if now < kept.fresh_until && (jwks.has(kid) || is_recent) => return Some(jwks),
                None if is_recent => return None,
                _ => {}
            }
        }
        let (jwks, life_ms) = match fetch(weir, url).await {
            Ok((jwks, life_ms)) => (Some(Arc::new(jwks)), life_ms),
            Err(reason) => {
                tracing::warn!(reason, "a client's key set cannot be had");
                (None, 0)
            }
        };
        let kept = Kept { jwks: jwks.clone(), fetched: now, fresh_until: Instant(now.0.saturating_add(life_ms)) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), kept);
        jwks
    }
}

async fn fetch(weir: &Weir, url: &str) -> Result<(Jwks, i64), String> {
    let call = Call::get(url).header("accept", "application/json");
    let response = weir.outbound.send(call).await.map_err(|error| error.to_string())?;
    if response.status != 200 {
        return Err(format!("status {}", response.status));
    }
    let text = std::str::from_utf8(&response.body).map_err(|_| "it is not UTF-8".to_owned())?;
    let jwks = Jwks::parse(text).map_err(|error| error.to_string())?;
    Ok((jwks, life_ms(response.header("cache-control"))))
}

/// How long an answer may be kept. <https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2>
fn life_ms(cache_control: Option<&str>) -> i64 {
    let mut life = LIFE_MAX_MS;
    for directive in cache_control.unwrap_or_default().split(',').map(|part| part.trim().to_ascii_lowercase()) {
        match directive.split_once('=') {
            None if directive == "no-store" || directive == "no-cache" => return 0,
            Some(("max-age", seconds)) => {
                let seconds: i64 = seconds.trim_matches('"').parse().unwrap_or(0);
                life = life.min(seconds.max(0).saturating_mul(1000));
            }
            _ => {}
        }
    }
    life
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_is_kept_as_long_as_its_owner_allows_and_five_minutes_at_most() {
        assert_eq!(life_ms(None), LIFE_MAX_MS);
        assert_eq!(life_ms(Some("public, max-age=60")), 60_000);
        assert_eq!(life_ms(Some("max-age=86400")), LIFE_MAX_MS);
        assert_eq!(life_ms(Some("max-age=60, No-Store")), 0);
        assert_eq!(life_ms(Some("max-age=soon")), 0);
    }
}
