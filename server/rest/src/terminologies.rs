//! What is known of codes beside the definitions in force: those that are stored, and another server that may be asked. Phase two of
//! validation is answered from here, for whoever writes and whatever feed sends: no answer depends on who asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fhir::Instant;
use policy::{Principal, Purpose, Scopes, Subject};
use profiles::{AnsweredFacts, InForce, Question};
use store::Store;
use terminology::{Added, CodeQuestion, CodeService, Embedded, Told};

use crate::failure::Failure;
use crate::remote_terminology::RemoteTerminology;
use crate::stored_definitions::{Gathered, Looked, StoredDefinitions, plain};
use crate::weir::Clock;

/// How long what another node stored may not be known here; what this one stores counts at once.
const BOUND_MS: i64 = 10_000;
/// Urls that are remembered as looked for; beyond it all are looked for anew.
const URLS_MAX: usize = 2_000;

/// The stored definitions and the other server.
pub struct Terminologies {
    /// Where ValueSets, CodeSystems and ConceptMaps are stored.
    pub store: Store,
    /// The definitions in force.
    pub validators: Arc<InForce>,
    /// The time.
    pub clock: Clock,
    /// Who is asked about codes that are not known here, if anybody.
    pub remote: Option<RemoteTerminology>,
    /// Whether stored definitions count in validation.
    pub is_stored_bound: bool,
    /// Definitions of a type that one question may lead to; at least one.
    pub definitions_max: u32,
    /// Those that were read last.
    pub stored: StoredDefinitions,
    /// Those that validation knows.
    pub bound: Bound,
}

/// The stored definitions that validation has looked for.
#[derive(Debug, Default)]
pub struct Bound(Mutex<(u64, Arc<Seen>)>);

/// What was found since when, by type and url.
#[derive(Debug, Default, Clone)]
struct Seen {
    since: Option<Instant>,
    looked: Looked,
}

impl Bound {
    /// Forgets what was found, since definitions were written.
    pub(crate) fn forget(&self) {
        let mut kept = self.lock();
        *kept = (kept.0 + 1, Arc::default());
    }

    /// What was found not too long ago, and the number of the last write before.
    fn get(&self, now: Instant) -> (u64, Arc<Seen>) {
        let kept = self.lock();
        let (writes, seen) = (kept.0, Arc::clone(&kept.1));
        let is_fresh = seen.since.is_some_and(|since| now.0 - since.0 <= BOUND_MS) && seen.looked.0.len() <= URLS_MAX;
        if is_fresh { (writes, seen) } else { (writes, Arc::new(Seen { since: Some(now), ..Seen::default() })) }
    }

    /// Keeps what was found, unless definitions were written in between.
    fn keep(&self, writes: u64, seen: Seen) {
        let mut kept = self.lock();
        if kept.0 == writes {
            kept.1 = Arc::new(seen);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (u64, Arc<Seen>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminologies {
    /// Whether there is anything beside the definitions in force.
    pub fn can_tell(&self) -> bool {
        self.is_stored_bound || self.asks_elsewhere()
    }

    /// Whether validation asks another server.
    pub(crate) fn asks_elsewhere(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.validation_timeout_ms > 0)
    }

    /// Answers what a validation asks of codes, as far as it can be told in the time that is left when it `waited` before; a question
    /// without an entry was put to nobody.
    pub async fn tell(&self, questions: Vec<Question>, waited: Duration) -> AnsweredFacts {
        let codes = questions.into_iter().filter_map(|question| match question {
            Question::Code(code) => Some(code),
            Question::ReferenceExists { .. } => None,
        });
        let codes: Vec<CodeQuestion> = codes.collect();
        let embedded = match self.embedded(&codes).await {
            Ok(embedded) => embedded,
            Err(failure) => {
                let reason = failure.issues.first().map(|issue| issue.diagnostics.as_str()).unwrap_or_default();
                tracing::warn!(
                    reason,
                    "stored definitions could not be read for a validation; it goes on without them"
                );
                None
            }
        };
        let mut facts = AnsweredFacts::new();
        let told = match &embedded {
            Some(embedded) => embedded.tell(&codes).await,
            None => vec![Told::Unknown; codes.len()],
        };
        let mut left = Vec::new();
        for (question, told) in codes.into_iter().zip(told) {
            match told {
                Told::Unknown => left.push(question),
                told => drop(facts.insert(Question::Code(question), told)),
            }
        }
        if let Some(remote) = &self.remote {
            let embedded = embedded.unwrap_or_else(|| self.alone());
            facts.extend(remote.tell(left, &embedded, waited, (self.clock)()).await);
        }
        facts
    }

    /// The definitions in force and none of the store.
    fn alone(&self) -> Embedded {
        Embedded::new(Arc::clone(self.validators.get().definitions()), Added::default())
    }

    /// The definitions in force with the stored ones that could tell; `None` where nothing that is stored says more.
    async fn embedded(&self, questions: &[CodeQuestion]) -> Result<Option<Embedded>, Failure> {
        if !self.is_stored_bound || questions.is_empty() {
            return Ok(None);
        }
        let definitions = Arc::clone(self.validators.get().definitions());
        let (writes, seen) = self.bound.get((self.clock)());
        // What is defined here stands whatever is stored under its url: a client must not change what the standard says for everybody.
        let is_open = |url: &str| !definitions.code_system(url).is_some_and(definitions::CodeSystemDef::is_complete);
        let (mut sets, mut systems) = (Vec::new(), Vec::new());
        for question in questions {
            let (set, system) = match question {
                CodeQuestion::InValueSet { value_set, system, .. } => (Some(value_set), system.as_ref()),
                CodeQuestion::InSystem { system, .. } => (None, Some(system)),
            };
            sets.extend(set.filter(|url| definitions.value_set(url).is_none()).cloned());
            systems.extend(system.filter(|url| is_open(url)).cloned());
        }
        let is_seen =
            |name, urls: &[String]| urls.iter().all(|url| seen.looked.0.contains(&(name, plain(url).to_owned())));
        let added = if is_seen("ValueSet", &sets) && is_seen("CodeSystem", &systems) {
            seen.looked.1.clone()
        } else {
            let subject = reader();
            let mut gathered = Gathered::of(self, &subject, seen.looked.clone());
            gathered.value_sets(sets).await?;
            gathered.code_systems(&systems).await?;
            let (urls, mut added) = gathered.into_looked();
            added.value_sets.retain(|one| definitions.value_set(&one.url).is_none());
            added.code_systems.retain(|one| is_open(&one.url));
            self.bound.keep(writes, Seen { since: seen.since, looked: (urls, added.clone()) });
            added
        };
        let is_empty = added.value_sets.is_empty() && added.code_systems.is_empty();
        Ok((!is_empty).then(|| Embedded::new(definitions, added)))
    }
}

/// Who reads stored definitions for validation: policy hides from it what it hides from any client without a special right.
fn reader() -> Subject {
    let (scopes, _) = Scopes::read("system/ValueSet.rs system/CodeSystem.rs");
    Subject::Principal(Principal::new("validation", Purpose::DirectCare, scopes))
}
