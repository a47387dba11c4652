//! The pipeline: from the bytes of a delivery to what is durably stored or durably in quarantine.

use std::sync::Arc;

use bytes::Bytes;
use feeds::{Feed, Mapped};
use fhir::{Instant, Issue, operation_outcome};
use policy::{Grant, Task};
use profiles::Strictness;
use store::{MessageKept, MessageKey, MessageRecord, QuarantinedUnit, StoreError, WriteBatch, WriteStatus, Written};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::incoming::{Incoming, code_of, issue_of};
use crate::known::Known;
use crate::linking::{Linker, identities};
use crate::logical_id::{KEY_NAME, LogicalIds};
use crate::plan::{Plan, Planner};
use crate::receipt::{MessageOutcome, MessageReceipt};
use crate::{Envelope, IngestError, IngestOptions, QuarantineCode, Receipt, audit};

/// How often a plan is made again because somebody else wrote the same resources in between.
const ATTEMPTS_MAX: usize = 8;
/// Issues that are kept of one message or unit: the first ones tell the cause.
const ISSUES_KEPT_MAX: usize = 100;
/// Locks by NHS number: messages of different people seldom share one, and the list stays short.
const LOCKS: usize = 64;

/// The pipeline from bytes to stored resources.
pub struct Ingest {
    options: Arc<IngestOptions>,
    grant: Grant,
    ids: OnceCell<LogicalIds>,
    /// Two Patients with one number that arrive at once must see one another, or they would never be linked.
    locks: Vec<Mutex<()>>,
}

/// What became of one message, and what it adds to the receipt of the delivery.
struct Outcome {
    outcome: MessageOutcome,
    plan: Plan,
    written: Vec<Written>,
    issues: Vec<Issue>,
    quarantined: u64,
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
        let mut receipt = Receipt::default();
        for piece in feeds::split(feed, &bytes) {
            let incoming = Incoming {
                feed,
                bytes: bytes.slice_ref(piece),
                received,
                sender: envelope.sender.clone().unwrap_or_default(),
                message_id: None,
                is_replay: false,
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
            sender: summary.sender,
            message_id: Some(summary.message_id),
            is_replay: true,
        };
        let mut receipt = Receipt::default();
        receipt.add(self.message(incoming, &Envelope::default()).await?);
        Ok(receipt)
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
        tracing::info!(
            feed,
            outcome = ?outcome.outcome,
            resources = outcome.written.len(),
            quarantined = outcome.quarantined,
            "message received"
        );
        Ok(outcome)
    }

    async fn handle(&self, incoming: Incoming) -> Result<Outcome, IngestError> {
        let source = incoming.clone();
        // Away from the threads that serve, and so that a fault of a mapping costs one message and not the server.
        let mapped = match tokio::task::spawn_blocking(move || source.map()).await {
            Ok(Ok(mapped)) => Arc::new(mapped),
            Ok(Err(error)) => return self.quarantine(&incoming, "", code_of(&error), vec![issue_of(&error)]).await,
            Err(_) => return self.quarantine(&incoming, "", "internal", vec![internal("mapped")]).await,
        };
        let message_id = incoming.message_id(&mapped);
        let mut attempt = 1;
        loop {
            match self.store(&incoming, &message_id, &mapped).await {
                Err(IngestError::Store(StoreError::Conflict(_))) if attempt < ATTEMPTS_MAX => attempt += 1,
                done => return done,
            }
        }
    }

    /// One attempt to store a message as things stand.
    async fn store(
        &self,
        incoming: &Incoming,
        message_id: &str,
        mapped: &Arc<Vec<Mapped>>,
    ) -> Result<Outcome, IngestError> {
        let options = &self.options;
        let ids = self.ids().await?;
        let known = Arc::new(Known::read(&options.store, &self.grant, ids, mapped, &options.ods_code).await?);
        let Some(mut plan) = self.plan(incoming, mapped, &known, ids).await else {
            return self.quarantine(incoming, message_id, "internal", vec![internal("validated")]).await;
        };
        if plan.is_refused() {
            return self.quarantine_plan(incoming, message_id, plan).await;
        }
        let _locks = self.lock(&plan).await;
        let linker = Linker { store: &options.store, registry: &options.registry, grant: &self.grant, now: self.now() };
        let linking = linker.link(&plan, &known).await?;
        let record = record(incoming, message_id)?.at(plan.event_time);
        let batch = WriteBatch {
            ops: plan.take_operations(&known),
            source: plan.source(incoming.feed, &options.ods_code),
            message: Some(if incoming.is_replay { record.again() } else { record }),
            links: linking.links,
            reviews: linking.reviews,
            units: plan.refused.iter().map(unit).collect(),
        };
        let quarantined = plan.refused.len() as u64;
        match options.store.write(&self.grant, batch).await {
            Ok(written) => {
                let issues =
                    plan.issues.iter().chain(plan.refused.iter().flat_map(|one| &one.issues)).cloned().collect();
                Ok(Outcome { outcome: MessageOutcome::Stored, plan, written, issues, quarantined })
            }
            Err(StoreError::Duplicate) => Ok(Outcome::empty(MessageOutcome::Duplicate)),
            Err(error) => Err(error.into()),
        }
    }

    async fn plan(
        &self,
        incoming: &Incoming,
        mapped: &Arc<Vec<Mapped>>,
        known: &Arc<Known>,
        ids: &LogicalIds,
    ) -> Option<Plan> {
        let (options, ids) = (Arc::clone(&self.options), ids.clone());
        let (incoming, mapped, known) = (incoming.clone(), Arc::clone(mapped), Arc::clone(known));
        let make = move || {
            let planner = Planner {
                ids: &ids,
                validator: &options.validator,
                registry: &options.registry,
                strictness: strictness(&options, incoming.feed),
                own: &options.ods_code,
            };
            planner.plan(&incoming, &mapped, &known)
        };
        tokio::task::spawn_blocking(make).await.ok()
    }

    async fn quarantine_plan(
        &self,
        incoming: &Incoming,
        message_id: &str,
        mut plan: Plan,
    ) -> Result<Outcome, IngestError> {
        let code = plan.refused.first().map_or("refused", |refusal| refusal.code);
        let quarantined = plan.refused.len() as u64;
        let issues = plan.refused.iter_mut().flat_map(|refusal| std::mem::take(&mut refusal.issues)).collect();
        let outcome = self.quarantine(incoming, message_id, code, issues).await?;
        Ok(match outcome.outcome {
            MessageOutcome::Duplicate => outcome,
            MessageOutcome::Stored | MessageOutcome::Quarantined => Outcome { quarantined, plan, ..outcome },
        })
    }

    /// Keeps a message that cannot be stored. One that waits there already waits on.
    async fn quarantine(
        &self,
        incoming: &Incoming,
        message_id: &str,
        code: &str,
        issues: Vec<Issue>,
    ) -> Result<Outcome, IngestError> {
        let message_id = incoming.message_id.as_deref().unwrap_or(message_id);
        let kept = record(incoming, message_id)?;
        let store = &self.options.store;
        let outcome = match store.quarantine_message(kept, code, &outcome_text(&issues)).await? {
            MessageKept::New(_) => MessageOutcome::Quarantined,
            MessageKept::Duplicate(key) => match store.message(key).await? {
                Some((summary, _)) if summary.status == store::MessageStatus::Quarantined => {
                    MessageOutcome::Quarantined
                }
                _ if incoming.is_replay => MessageOutcome::Quarantined,
                _ => MessageOutcome::Duplicate,
            },
        };
        if outcome == MessageOutcome::Duplicate {
            return Ok(Outcome::empty(outcome));
        }
        Ok(Outcome { issues, quarantined: 1, ..Outcome::empty(outcome) })
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
    fn empty(outcome: MessageOutcome) -> Outcome {
        Outcome { outcome, plan: Plan::default(), written: Vec::new(), issues: Vec::new(), quarantined: 0 }
    }
}

impl Receipt {
    fn add(&mut self, one: Outcome) {
        self.messages += 1;
        self.quarantined += one.quarantined;
        match one.outcome {
            MessageOutcome::Stored if one.quarantined == 0 => self.stored_messages += 1,
            MessageOutcome::Duplicate => self.duplicates += 1,
            MessageOutcome::Stored | MessageOutcome::Quarantined => {}
        }
        for (kind, count) in one.plan.counts {
            *self.source_counts.entry(kind).or_default() += count;
        }
        for written in one.written.iter().filter(|written| written.status != WriteStatus::Deleted) {
            *self.stored.entry(written.type_name.clone()).or_default() += 1;
            self.resources.push(format!("{}/{}", written.type_name, written.id));
        }
        self.issues.extend(one.issues.iter().cloned());
        self.each.push(MessageReceipt { outcome: one.outcome, issues: one.issues });
    }
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

fn unit(refusal: &crate::plan::Refusal) -> QuarantinedUnit {
    QuarantinedUnit { unit: refusal.unit.clone(), code: refusal.code.to_owned(), issues: outcome_text(&refusal.issues) }
}

fn outcome_text(issues: &[Issue]) -> String {
    operation_outcome(issues.get(..ISSUES_KEPT_MAX).unwrap_or(issues)).to_string()
}

fn internal(step: &str) -> Issue {
    Issue::fatal("exception", format!("the message could not be {step}: a fault of this server")).detail("internal")
}
