//! The pipeline: from the bytes of a delivery to what is durably stored or durably in quarantine.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use feeds::{Feed, Mapped};
use fhir::{Instant, Issue, operation_outcome};
use policy::{Grant, Task};
use profiles::{AnsweredFacts, Question, Strictness, Validated};
use store::{
    MessageKept, MessageKey, MessageRecord, MessageStatus, QuarantinedUnit, Store, StoreError, WriteBatch, WriteStatus,
    Written,
};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::incoming::{Incoming, Replay, code_of, issue_of};
use crate::known::Known;
use crate::linking::{Linker, identities};
use crate::logical_id::{KEY_NAME, LogicalIds};
use crate::plan::{ISSUES_KEPT_MAX, Plan, Planner, Refusal};
use crate::receipt::{MessageOutcome, MessageReceipt, RefusedPart, UnitCounts};
use crate::{Envelope, IngestError, IngestOptions, QuarantineCode, Receipt, audit};

/// How often a plan is made again because somebody else wrote the same resources in between.
const ATTEMPTS_MAX: usize = 8;
/// Locks by NHS number: messages of different people seldom share one, and the list stays short.
const LOCKS: usize = 64;

/// The pipeline from bytes to stored resources.
pub struct Ingest {
    options: Arc<IngestOptions>,
    grant: Grant,
    ids: OnceCell<LogicalIds>,
    /// Two Patients with one number that arrive at once must see one another, or they would never be linked. Those of another
    /// process are found by the store, which refuses what was decided without them; here they wait for one another at once.
    locks: Vec<Mutex<()>>,
}

/// What became of one message, and what it adds to the receipt of the delivery.
struct Outcome {
    outcome: MessageOutcome,
    plan: Plan,
    written: Vec<Written>,
    issues: Vec<Issue>,
}

impl Ingest {
    /// Puts the parts together.
    pub fn new(options: IngestOptions) -> Ingest {
        let grant = Grant::for_system(Task::Ingest, &options.token);
        let locks = (0..LOCKS).map(|_| Mutex::new(())).collect();
        Ingest { options: Arc::new(options), grant, ids: OnceCell::new(), locks }
    }

    /// Receives a delivery; when it returns, everything in it is durably stored or durably in quarantine.
    ///
    /// On an error what follows the message that failed was not looked at; all may be sent again, since what is known is a
    /// duplicate.
    pub async fn receive(&self, feed: &str, bytes: Bytes, envelope: Envelope) -> Result<Receipt, IngestError> {
        let feed = Feed::parse(feed).ok_or_else(|| IngestError::UnknownFeed(feed.to_owned()))?;
        let received = (self.options.clock)();
        let sender = envelope.sender.clone().unwrap_or_default();
        let organisation = self.organisation_of(&sender).await?;
        let mut receipt = Receipt::default();
        for piece in feeds::split(feed, &bytes) {
            let incoming = Incoming {
                feed,
                bytes: bytes.slice_ref(piece),
                received,
                sender: sender.clone(),
                organisation: organisation.clone(),
                message_id: None,
                replay: None,
            };
            let outcome = self.message(incoming, &envelope).await?;
            receipt.add(outcome);
        }
        Ok(receipt)
    }

    /// Runs a kept message again.
    pub async fn replay(&self, message_key: i64) -> Result<Receipt, IngestError> {
        let unknown = || IngestError::UnknownMessage(message_key);
        let (summary, bytes) = self.options.store.message(MessageKey(message_key)).await?.ok_or_else(unknown)?;
        let feed = Feed::parse(&summary.feed).ok_or_else(|| IngestError::UnknownFeed(summary.feed.clone()))?;
        let incoming = Incoming {
            feed,
            bytes: bytes.into(),
            received: summary.received,
            organisation: self.organisation_of(&summary.sender).await?,
            sender: summary.sender,
            message_id: Some(summary.message_id),
            replay: Some(Replay {
                message: summary.key,
                was_stored: matches!(summary.status, MessageStatus::Stored | MessageStatus::Replayed),
            }),
        };
        let mut receipt = Receipt::default();
        receipt.add(self.message(incoming, &Envelope::default()).await?);
        Ok(receipt)
    }

    /// The organisation for which alone a sender may speak, now as when a message of its is run again. None for the controller's own systems,
    /// which pass on what others write, and where nobody is authenticated.
    async fn organisation_of(&self, sender: &str) -> Result<Option<String>, IngestError> {
        let client = match sender {
            "" => None,
            id => self.options.store.control().client(id).await?,
        };
        let registered = client.and_then(|client| client.organisation);
        Ok(registered.filter(|code| *code != self.options.ods_code))
    }

    /// Where it all goes.
    pub(crate) fn store(&self) -> &Store {
        &self.options.store
    }

    /// The right to write what feeds send and to link it.
    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    /// A resource that was stored before and is changed by the server itself; what was not refused then is not now.
    pub(crate) fn validate_again(&self, value: &serde_json::Value) -> Result<Validated, Vec<Issue>> {
        crate::plan::validate(&self.options.validators.get(), Strictness::Warn, self.now(), value)
    }

    /// How a message in quarantine is acknowledged over MLLP.
    pub(crate) fn quarantine_code(&self) -> QuarantineCode {
        self.options.quarantine_code
    }

    /// The time.
    pub(crate) fn now(&self) -> Instant {
        (self.options.clock)()
    }

    /// Handles one message and tells the audit log before anybody is told that it was received.
    async fn message(&self, incoming: Incoming, envelope: &Envelope) -> Result<Outcome, IngestError> {
        let feed = incoming.feed.name();
        let outcome = self.handle(incoming).await?;
        let record = audit::record(self.now(), feed, envelope, outcome.outcome, &outcome.plan.patients);
        self.options.store.audit().append(record).await?;
        let name = format!("{:?}", outcome.outcome).to_lowercase();
        metrics::counter!("weir_feed_messages_total", "feed" => feed, "outcome" => name).increment(1);
        metrics::counter!("weir_feed_parts_refused_total", "feed" => feed).increment(outcome.plan.refused.len() as u64);
        tracing::info!(
            feed,
            outcome = ?outcome.outcome,
            resources = outcome.written.len(),
            refused = outcome.plan.refused.len(),
            "message received"
        );
        Ok(outcome)
    }

    async fn handle(&self, incoming: Incoming) -> Result<Outcome, IngestError> {
        let source = incoming.clone();
        // Away from the threads that serve, and so that a fault of a mapping costs one message and not the server.
        let mapped = match tokio::task::spawn_blocking(move || source.map()).await {
            Ok(Ok(mapped)) => Arc::new(mapped),
            Ok(Err(error)) => {
                return self
                    .quarantine(&incoming, "", refused_whole(&incoming, code_of(&error), issue_of(&error)))
                    .await;
            }
            Err(_) => {
                return self.quarantine(&incoming, "", refused_whole(&incoming, "internal", internal("mapped"))).await;
            }
        };
        let message_id = incoming.message_id(&mapped);
        let mut attempt = 1;
        loop {
            match self.attempt(&incoming, &message_id, &mapped).await {
                Err(IngestError::Store(StoreError::Conflict(_))) if attempt < ATTEMPTS_MAX => attempt += 1,
                done => return done,
            }
        }
    }

    /// One attempt to store a message as things stand.
    async fn attempt(
        &self,
        incoming: &Incoming,
        message_id: &str,
        mapped: &Arc<Vec<Mapped>>,
    ) -> Result<Outcome, IngestError> {
        let options = &self.options;
        let ids = self.ids().await?;
        let known = Arc::new(Known::read(&options.store, &self.grant, ids, mapped, &options.ods_code, incoming).await?);
        let Some(mut plan) = self.plan(incoming, mapped, &known, ids).await else {
            let plan = refused_whole(incoming, "internal", internal("validated"));
            return self.quarantine(incoming, message_id, plan).await;
        };
        if plan.is_refused() {
            return self.quarantine(incoming, message_id, plan).await;
        }
        let _locks = self.lock(&plan).await;
        let linker = Linker { store: &options.store, registry: &options.registry, grant: &self.grant, now: self.now() };
        let linking = linker.link(&plan, &known).await?;
        let record = record(incoming, message_id)?.at(plan.event_time).noted(plan.noted());
        let batch = WriteBatch {
            ops: plan.take_operations(&known),
            source: plan.source(incoming.feed, &options.ods_code),
            message: Some(if incoming.replay.is_some() { record.again() } else { record }),
            links: linking.links,
            undo: None,
            expected: linking.expected,
            reviews: linking.reviews,
            units: plan.refused.iter().map(unit).collect(),
        };
        match options.store.write(&self.grant, batch).await {
            Ok(written) => Ok(Outcome::of(MessageOutcome::Stored, plan, written)),
            Err(StoreError::Duplicate) => Ok(Outcome::of(MessageOutcome::Duplicate, plan, Vec::new())),
            // The same message would fail again, so that its sender is not told to try.
            Err(StoreError::Invalid(_)) => {
                let issue = Issue::error("value", "a value of the message cannot be stored").detail("not-storable");
                self.quarantine(incoming, message_id, refused_whole(incoming, "not-storable", issue)).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the plan; where its resources raise questions that can be answered, once more with the answers.
    async fn plan(
        &self,
        incoming: &Incoming,
        mapped: &Arc<Vec<Mapped>>,
        known: &Arc<Known>,
        ids: &LogicalIds,
    ) -> Option<Plan> {
        let (plan, questions) = self.plan_by(incoming, mapped, known, (ids, None)).await?;
        let Some(answerer) = self.options.answerer.as_ref().filter(|_| !questions.is_empty()) else {
            return Some(plan);
        };
        let facts = answerer(questions).await;
        if facts.is_empty() {
            return Some(plan);
        }
        Some(self.plan_by(incoming, mapped, known, (ids, Some(facts))).await?.0)
    }

    async fn plan_by(
        &self,
        incoming: &Incoming,
        mapped: &Arc<Vec<Mapped>>,
        known: &Arc<Known>,
        (ids, answered): (&LogicalIds, Option<AnsweredFacts>),
    ) -> Option<(Plan, Vec<Question>)> {
        let (options, ids) = (Arc::clone(&self.options), ids.clone());
        let (incoming, mapped, known) = (incoming.clone(), Arc::clone(mapped), Arc::clone(known));
        let validator = options.validators.get();
        let asks = options.answerer.is_some() && answered.is_none();
        let facts = answered.unwrap_or_default();
        let make = move || {
            let planner = Planner {
                ids: &ids,
                validator: &validator,
                registry: &options.registry,
                strictness: strictness(&options, incoming.feed),
                facts: &facts,
                asks,
                questions: RefCell::default(),
                own: &options.ods_code,
                now: (options.clock)(),
            };
            let plan = planner.plan(&incoming, &mapped, &known);
            (plan, planner.into_questions())
        };
        tokio::task::spawn_blocking(make).await.ok()
    }

    /// Keeps a message of which nothing can be stored. One that waits there already waits on.
    async fn quarantine(&self, incoming: &Incoming, message_id: &str, mut plan: Plan) -> Result<Outcome, IngestError> {
        let message_id = incoming.message_id.as_deref().unwrap_or(message_id);
        let kept = record(incoming, message_id)?;
        let store = &self.options.store;
        let code = plan.refused.first().map_or("refused", |refusal| refusal.code);
        let issues: Vec<Issue> = plan.refused.iter().flat_map(|refusal| &refusal.issues).cloned().collect();
        let outcome = match store.quarantine_message(kept, code, &outcome_text(&issues)).await? {
            MessageKept::New(_) => MessageOutcome::Quarantined,
            MessageKept::Duplicate(_) if incoming.replay.is_some() => MessageOutcome::Quarantined,
            MessageKept::Duplicate(key) => match store.message(key).await? {
                Some((summary, _)) if summary.status == MessageStatus::Quarantined => MessageOutcome::Quarantined,
                _ => MessageOutcome::Duplicate,
            },
        };
        if outcome == MessageOutcome::Duplicate {
            // It was stored before, when it could be read.
            plan.refused.clear();
            plan.units.values_mut().for_each(|counts| counts.quarantined = 0);
        }
        Ok(Outcome::of(outcome, plan, Vec::new()))
    }

    async fn ids(&self) -> Result<&LogicalIds, IngestError> {
        let make = || async {
            let fresh = (self.options.random)();
            let key = self.options.store.control().key_or_insert(KEY_NAME, &fresh, self.now()).await?;
            Ok::<_, StoreError>(LogicalIds::new(&key.secret))
        };
        Ok(self.ids.get_or_try_init(make).await?)
    }

    /// Holds the locks of the message's NHS numbers, taken in one order so that no two messages wait for one another.
    async fn lock(&self, plan: &Plan) -> Vec<MutexGuard<'_, ()>> {
        let identities = identities(plan);
        let mut stripes: Vec<usize> =
            identities.iter().filter_map(|(_, identity)| identity.as_ref()).map(|one| one.stripe(LOCKS)).collect();
        stripes.sort_unstable();
        stripes.dedup();
        let mut held = Vec::with_capacity(stripes.len());
        for lock in stripes.iter().filter_map(|stripe| self.locks.get(*stripe)) {
            held.push(lock.lock().await);
        }
        held
    }
}

impl Outcome {
    fn of(outcome: MessageOutcome, plan: Plan, written: Vec<Written>) -> Outcome {
        let refused = plan.refused.iter().flat_map(|refusal| &refusal.issues);
        let said = plan.issues.iter().filter(|_| outcome == MessageOutcome::Stored);
        let issues = said.chain(refused).cloned().collect();
        Outcome { outcome, plan, written, issues }
    }
}

impl Receipt {
    fn add(&mut self, one: Outcome) {
        self.messages += 1;
        match one.outcome {
            MessageOutcome::Stored if one.plan.refused.is_empty() => self.stored_messages += 1,
            MessageOutcome::Duplicate => self.duplicates += 1,
            MessageOutcome::Stored | MessageOutcome::Quarantined => {}
        }
        for (kind, counts) in one.plan.units {
            let is_duplicate = one.outcome == MessageOutcome::Duplicate;
            let counts = if is_duplicate { counts.received_before() } else { counts };
            self.quarantined += counts.quarantined;
            self.units.entry(kind).or_default().add(counts);
        }
        for written in one.written.iter().filter(|written| written.status != WriteStatus::Deleted) {
            *self.stored.entry(written.type_name.clone()).or_default() += 1;
            self.resources.push(format!("{}/{}", written.type_name, written.id));
        }
        let refused = one.plan.refused.into_iter();
        self.refusals.extend(refused.map(|Refusal { part, code, issues }| RefusedPart { part, code, issues }));
        self.issues.extend(one.issues.iter().cloned());
        self.each.push(MessageReceipt { outcome: one.outcome, issues: one.issues });
    }
}

/// The plan of a message of which nothing can be stored.
fn refused_whole(incoming: &Incoming, code: &'static str, issue: Issue) -> Plan {
    let mut plan = Plan::default();
    for (kind, count) in feeds::count(incoming.feed, &incoming.bytes) {
        let count = count as u64;
        plan.units.insert(kind, UnitCounts { received: count, quarantined: count, ..UnitCounts::default() });
    }
    plan.refused.push(Refusal { part: None, code, issues: vec![issue] });
    plan
}

fn strictness(options: &IngestOptions, feed: Feed) -> Strictness {
    match feed {
        Feed::Hl7v2 => options.strictness.acute_hl7v2,
        Feed::GpConnect => options.strictness.gp_connect,
        Feed::Cld => options.strictness.social_care_cld,
    }
}

fn record(incoming: &Incoming, message_id: &str) -> Result<MessageRecord, StoreError> {
    MessageRecord::new(incoming.feed.name(), &incoming.sender, message_id, &incoming.bytes, incoming.received)
}

fn unit(refusal: &Refusal) -> QuarantinedUnit {
    let unit = refusal.part.clone().unwrap_or_else(|| "message".to_owned());
    QuarantinedUnit { unit, code: refusal.code.to_owned(), issues: outcome_text(&refusal.issues) }
}

fn outcome_text(issues: &[Issue]) -> String {
    operation_outcome(issues.get(..ISSUES_KEPT_MAX).unwrap_or(issues)).to_string()
}

fn internal(step: &str) -> Issue {
    Issue::fatal("exception", format!("the message could not be {step}: a fault of this server")).detail("internal")
}
