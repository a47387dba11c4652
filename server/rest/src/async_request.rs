//! Requests with `Prefer: respond-async`: decided at once, kept as jobs, and carried out by whichever node takes them up.
//! <https://hl7.org/fhir/R4/async.html>
//!
//! What only reads is begun again when its node is gone. What writes is not: it may have been stored, and its client is told so.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fhir::Instant;
use policy::{Interaction, PersonKey, Principal, Purpose, Scopes, Subject};
use search::Handling;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ASYNC_KINDS, ASYNC_READ, ASYNC_WRITE, Job, JobOutcome, Lease, NewJob, StoreError, Worker, lease_until};
use tokio::runtime::Handle;

use crate::access;
use crate::answer::{Answer, Outcome, Touched};
use crate::failure::{Failure, Reason};
use crate::headers::{Conditions, EntityTags, PreferReturn};
use crate::perform::{Context, perform};
use crate::request::{Caller, Request};
use crate::weir::Weir;

/// Jobs that one client may have queued and running.
const UNENDED_MAX: u64 = 16;
/// Jobs that are kept for one client, those included that have ended and can still be fetched.
const KEPT_MAX: u64 = 64;
/// How long a request may wait for its turn.
const WAIT_MS: i64 = 24 * 3_600_000;
/// How long an answer can be fetched: short, since policy was asked when it was made.
const FETCH_MS: i64 = 15 * 60_000;
/// How often the end of a job is written before it is left to its lease, and the pause between.
const COMPLETE_ATTEMPTS: u32 = 5;
const COMPLETE_PAUSE: Duration = Duration::from_secs(2);
/// Between two looks for answers that have expired.
const CLEAR_MS: i64 = 60_000;
/// A reading job that was taken up that often is failed: it may be what kills its workers.
const READ_ATTEMPTS_MAX: u32 = 3;
/// One worker of each kind: requests that can wait leave the processors to those that cannot.
const WORKERS: [(&str, u32); 2] = [(ASYNC_READ, READ_ATTEMPTS_MAX), (ASYNC_WRITE, 1)];

/// A request as it lies in its job.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Who asked.
    pub caller: KeptCaller,
    /// The whole URL.
    pub url: String,
    interaction: Interaction,
    type_name: Option<String>,
    compartment: Option<(String, String)>,
    id: Option<String>,
    version: Option<String>,
    params: Vec<(String, String)>,
    body: String,
    content_type: Option<String>,
    if_match: Option<EntityTags>,
    if_none_match: Option<EntityTags>,
    if_modified_since_ms: Option<i64>,
    if_none_exist: Option<String>,
    prefer_return: PreferReturn,
    is_lenient: bool,
}

/// Who asked: what a decision needs, since a grant cannot be stored.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptCaller {
    /// Nothing with open access.
    pub(crate) subject: Option<KeptSubject>,
    request_id: String,
    correlation_id: Option<String>,
    source_address: Option<String>,
    token_hash: String,
}

/// A principal.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptSubject {
    client_id: String,
    user: Option<String>,
    purpose: Purpose,
    scopes: BTreeSet<String>,
    patient: Option<String>,
}

impl KeptSubject {
    /// What binds a job to its asker; nothing with open access.
    pub(crate) fn of(subject: &Subject) -> Option<KeptSubject> {
        let Subject::Principal(principal) = subject else { return None };
        Some(KeptSubject {
            client_id: principal.client_id.clone(),
            user: principal.user.clone(),
            purpose: principal.purpose,
            scopes: principal.scopes.to_string().split(' ').map(str::to_owned).collect(),
            patient: principal.patient.clone(),
        })
    }
}

/// What came of a request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// When it was carried out.
    pub at_ms: i64,
    /// The type of the answer; nothing when there is none.
    pub type_name: Option<String>,
    /// The answer in one line; an OperationOutcome where it failed.
    pub body: String,
    /// The kind of the failure.
    pub failed: Option<Reason>,
    /// Resources of the answer.
    pub resources: Vec<String>,
    /// Patients of the answer.
    pub patients: Vec<String>,
    /// The person whose records a patient's app was given.
    pub person: Option<PersonKey>,
}

/// Whether `respond-async` can be asked of an interaction; exports and reindexing are so anyway, and an erasure takes its own job away.
pub(crate) fn is_offered(interaction: Interaction) -> bool {
    use Interaction as I;
    !matches!(
        interaction,
        I::Capabilities
            | I::Export
            | I::ExportStatus
            | I::ExportFile
            | I::ExportDelete
            | I::Reindex
            | I::ReindexStatus
            | I::AsyncStatus
            | I::AsyncFile
            | I::AsyncDelete
            | I::Purge
            | I::Feed
    )
}

/// Keeps the request; 202 with the URL of its status.
pub(crate) async fn kick_off(context: &Context<'_>) -> Result<Answer, Failure> {
    let (weir, client_id) = (context.weir, context.caller.subject.client_id());
    // Two at once may pass this together: it bounds what waits, to the number of connections.
    if weir.store.unended_jobs(client_id, &ASYNC_KINDS).await? >= UNENDED_MAX {
        let message = format!("the client has {UNENDED_MAX} requests waiting already; fetch or delete those first");
        return Err(Failure::new(Reason::TooManyRequests, "throttled", message));
    }
    if weir.store.kept_jobs(client_id, &ASYNC_KINDS).await? >= KEPT_MAX {
        let message = format!(
            "{KEPT_MAX} requests and answers are kept for the client already; delete those at their status URLs that were fetched"
        );
        return Err(Failure::new(Reason::TooManyRequests, "throttled", message));
    }
    let kept = Kept::of(context)?;
    let is_write = kept.interaction.is_write() || kept.interaction == Interaction::Batch;
    let created = weir.now();
    let job = NewJob {
        id: weir.new_id(),
        kind: if is_write { ASYNC_WRITE } else { ASYNC_READ }.to_owned(),
        client_id: client_id.to_owned(),
        request: serde_json::to_string(&kept).map_err(|_| Failure::internal())?,
        created,
        expires: Instant(created.0.saturating_add(WAIT_MS)),
    };
    weir.store.add_job(&job).await?;
    weir.wake.notify_waiters();
    let mut answer = Answer::empty(Outcome::Accepted);
    answer.headers.push(("content-location", format!("{}/$async/{}", weir.settings.base_url, job.id)));
    answer.touched.job = Some(job.id);
    Ok(answer)
}

/// Starts the tasks that carry requests out.
pub fn start_async_workers(weir: &Arc<Weir>) -> Vec<Worker> {
    let start = |(kind, attempts_max): (&'static str, u32)| {
        let (weir, cleared) = (Arc::clone(weir), Arc::new(AtomicI64::new(i64::MIN)));
        Worker::start(Arc::clone(&weir.wake), move |_| {
            let (weir, now) = (Arc::clone(&weir), weir.now().0);
            let is_due = now.saturating_sub(CLEAR_MS) >= cleared.load(Ordering::Relaxed);
            if is_due {
                cleared.store(now, Ordering::Relaxed);
            }
            async move {
                if is_due && let Err(error) = weir.store.clear_jobs(kind, Instant(now)).await {
                    tracing::warn!(%error, "expired answers stay");
                }
                // On a thread of its own, as an interaction on one of actix's: it stays where it was begun.
                let run = move || Handle::current().block_on(work(&weir, kind, attempts_max));
                let stopped = |error: tokio::task::JoinError| StoreError::Unavailable(error.to_string());
                tokio::task::spawn_blocking(run).await.map_err(stopped).flatten().unwrap_or_else(|error| {
                    tracing::warn!(%error, "no request could be taken up");
                    false
                })
            }
        })
    };
    WORKERS.into_iter().map(start).collect()
}

/// Takes up a request, if there is one, and carries it out. Says whether there was.
async fn work(weir: &Weir, kind: &str, attempts_max: u32) -> Result<bool, StoreError> {
    let (lease, now) = (weir.new_id(), weir.now());
    let wish = Lease { kind: kind.to_owned(), lease: lease.clone(), now, until: lease_until(now), attempts_max };
    let Some(job) = weir.store.lease_job(&wish).await? else { return Ok(false) };
    let mut run = std::pin::pin!(carry_out(weir, &job));
    let ended = loop {
        tokio::select! {
            ended = &mut run => break ended?,
            lost = weir.store.keep_job(&job.id, &lease, || None) => match lost {
                // It may have been stored by now, and only this run knows.
                Err(error) => tracing::warn!(%error, "no sign of life could be given for a request that runs"),
                Ok(()) => {
                    // A write that was begun is told of in the audit log, whoever still wants to know.
                    if kind == ASYNC_WRITE {
                        run.await?;
                    }
                    return Ok(true);
                }
            }
        }
    };
    complete(weir, &job, &lease, &ended).await.map(|()| true)
}

/// Keeps what came of a request, without the body that it had. A database that is away for a moment is asked again: what was
/// done is known here alone.
async fn complete(weir: &Weir, job: &Job, lease: &str, ended: &Ended) -> Result<(), StoreError> {
    let unkept = |_| StoreError::Invalid("an answer cannot be kept".to_owned());
    let result = serde_json::to_string(ended).map_err(unkept)?;
    let request = serde_json::to_string(&Kept { body: String::new(), ..Kept::of_job(job)? }).map_err(unkept)?;
    let mut attempts = 1;
    loop {
        let now = weir.now();
        let kept = Some((request.clone(), Instant(now.0.saturating_add(FETCH_MS))));
        let outcome = JobOutcome { result: result.clone(), files: Vec::new(), evidence: None, kept };
        match weir.store.complete_job(&job.id, lease, outcome, now).await {
            // It was deleted meanwhile.
            Ok(()) | Err(StoreError::Conflict(_)) => return Ok(()),
            Err(error) if attempts >= COMPLETE_ATTEMPTS => return Err(error),
            Err(error) => tracing::warn!(%error, "the outcome of a request could not be kept yet"),
        }
        attempts += 1;
        tokio::time::sleep(COMPLETE_PAUSE).await;
    }
}

/// Decides again, runs and audits, as if it was asked now.
async fn carry_out(weir: &Weir, job: &Job) -> Result<Ended, StoreError> {
    let kept = Kept::of_job(job)?;
    let at_ms = weir.now().0;
    let (result, person) = match kept.caller(weir).await {
        Ok(caller) => {
            let request = kept.request();
            (Box::pin(perform(weir, &caller, &request)).await, person_of(&caller.subject))
        }
        Err(failure) => (Err(failure), None),
    };
    Ok(Ended { person, ..Ended::of(at_ms, result) })
}

fn person_of(subject: &Subject) -> Option<PersonKey> {
    match subject {
        Subject::Principal(principal) => principal.person,
        Subject::OpenAccess => None,
    }
}

impl Kept {
    fn of(context: &Context<'_>) -> Result<Kept, Failure> {
        let request = context.request.clone();
        let Caller { subject, request_id, correlation_id, source_address, token_hash } = context.caller.clone();
        let body = String::from_utf8(request.body.to_vec())
            .map_err(|_| Failure::bad_request("structure", "the body must be text in UTF-8"))?;
        let subject = KeptSubject::of(&subject);
        let conditions = request.conditions;
        Ok(Kept {
            caller: KeptCaller { subject, request_id, correlation_id, source_address, token_hash },
            url: request.url,
            interaction: request.interaction,
            type_name: request.type_name,
            compartment: request.compartment,
            id: request.id,
            version: request.version,
            params: request.params,
            body,
            content_type: request.content_type,
            if_match: conditions.if_match,
            if_none_match: conditions.if_none_match,
            if_modified_since_ms: conditions.if_modified_since.map(|since| since.0),
            if_none_exist: conditions.if_none_exist,
            prefer_return: conditions.prefer_return,
            is_lenient: conditions.handling == Handling::Lenient,
        })
    }

    /// Reads it from its job.
    pub(crate) fn of_job(job: &Job) -> Result<Kept, StoreError> {
        serde_json::from_str(&job.request).map_err(|_| StoreError::Corrupt("the request of a job".to_owned()))
    }

    /// The subject as it is now: who was disabled or whose token was revoked meanwhile gets nothing.
    async fn caller(&self, weir: &Weir) -> Result<Caller, Failure> {
        let kept = &self.caller;
        let subject = match &kept.subject {
            None => Subject::OpenAccess,
            Some(kept) => {
                // Its time may have run out while the request waited: it had not when the request was taken.
                let hash = access::hash_bytes(&self.caller.token_hash).ok_or_else(Failure::internal)?;
                if !weir.store.control().access_stands(&hash, weir.now()).await? {
                    let message = "the access token was revoked, or its client, login or session ended, before the request was carried out; log in and send it again";
                    return Err(Failure::new(Reason::Denied, "login", message));
                }
                let scopes = kept.scopes.iter().cloned().collect::<Vec<_>>().join(" ");
                let mut principal = Principal::new(kept.client_id.clone(), kept.purpose, Scopes::read(&scopes).0);
                principal.user.clone_from(&kept.user);
                principal.patient.clone_from(&kept.patient);
                if let Some(patient) = &kept.patient {
                    principal.person = weir.store.person_of_patient(patient).await?;
                }
                principal.organisation = Some(weir.settings.ods_code.clone());
                Subject::Principal(principal)
            }
        };
        Ok(Caller {
            subject,
            request_id: kept.request_id.clone(),
            correlation_id: kept.correlation_id.clone(),
            source_address: kept.source_address.clone(),
            token_hash: kept.token_hash.clone(),
        })
    }

    fn request(self) -> Request {
        let conditions = Conditions {
            if_match: self.if_match,
            if_none_match: self.if_none_match,
            if_modified_since: self.if_modified_since_ms.map(Instant),
            if_none_exist: self.if_none_exist,
            prefer_return: self.prefer_return,
            handling: if self.is_lenient { Handling::Lenient } else { Handling::Strict },
            is_async: false,
        };
        Request {
            interaction: self.interaction,
            type_name: self.type_name,
            compartment: self.compartment,
            id: self.id,
            version: self.version,
            params: self.params,
            body: self.body.into(),
            xml: None,
            content_type: self.content_type,
            conditions,
            url: self.url,
        }
    }

    /// Whether it was asked on the same behalf: the same client, user, patient and scopes.
    pub(crate) fn is_of(&self, subject: &Subject) -> bool {
        self.caller.subject == KeptSubject::of(subject)
    }

    /// What it asked, for another decision.
    pub(crate) fn asked(&self) -> (Interaction, Option<&str>) {
        (self.interaction, self.type_name.as_deref())
    }
}

impl Ended {
    fn of(at_ms: i64, result: Result<Answer, Failure>) -> Ended {
        match result {
            Ok(answer) => {
                let Touched { resources, patients, job: _ } = answer.touched;
                let body = one_line(&answer.body);
                let type_name = fhir::Json::parse(body.as_bytes()).ok();
                let type_name = type_name.and_then(|json| json.resource_type().map(str::to_owned));
                Ended { at_ms, type_name, body, failed: None, resources, patients, person: None }
            }
            Err(failure) => Ended {
                at_ms,
                type_name: Some("OperationOutcome".to_owned()),
                body: fhir::operation_outcome(&failure.issues).to_string(),
                failed: Some(failure.reason),
                resources: Vec::new(),
                patients: Vec::new(),
                person: None,
            },
        }
    }

    /// Whether a patient's app still stands for the person whose records it was given: the patient may have been linked to
    /// another since.
    pub(crate) fn is_about(&self, subject: &Subject) -> bool {
        self.person == person_of(subject)
    }

    /// Reads it from its job.
    pub(crate) fn of_job(job: &Job) -> Result<Ended, StoreError> {
        let text = job.result.as_deref().unwrap_or_default();
        serde_json::from_str(text).map_err(|_| StoreError::Corrupt("the result of a job".to_owned()))
    }

    /// The manifest: <https://hl7.org/fhir/R4/async.html#3.1.6.4>
    pub(crate) fn manifest(&self, kept: &Kept, file_url: &str) -> serde_json::Value {
        let file = |name: &String| json!({"type": name, "url": file_url, "count": 1});
        json!({
            "transactionTime": Instant(self.at_ms).to_fhir(),
            "request": kept.url,
            "requiresAccessToken": kept.caller.subject.is_some(),
            "output": self.type_name.iter().map(file).collect::<Vec<_>>(),
            "error": [],
        })
    }
}

/// Without line breaks, which within a JSON string are always written as escapes.
fn one_line(body: &[u8]) -> String {
    let bytes = body.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    String::from_utf8(bytes).unwrap_or_default()
}
