//! A FHIR terminology server that is asked where this one cannot tell: SNOMED CT, dm+d, LOINC. Off unless configured.
//!
//! A question is built anew from codes and the names of definitions and, where it is about a value set that is known here, the rules of that value set; nothing else leaves.
//! Answers are kept for a while, so that the same question is asked once. <https://hl7.org/fhir/R4/terminology-service.html>

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use fhir::{Instant, Issue, Json, NhsNumber};
use outbound::{Call, Limits, Outbound, OutboundError};
use policy::Interaction;
use sha2::{Digest as _, Sha256};
use terminology::CodeQuestion;
use tokio::sync::Semaphore;

use crate::answer::{Answer, FHIR_JSON, Outcome};
use crate::failure::{Failure, Reason};
use crate::perform::Context;
use crate::remote_answer;
use crate::remote_question::question;

/// A person waits for the answer.
const TIMEOUT_MS: u64 = 5_000;
/// Ten thousand codes with their displays have some 2 MB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Answers kept in memory; beyond it all are asked for anew.
const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Releases of terminologies come monthly at most.
const KEPT_MS: i64 = 60 * 60 * 1000;

const SNOMED_IDENTIFIERS: [&str; 2] = ["http://snomed.info/sct", "https://dmd.nhs.uk"];
const CODE_LENGTH_MAX: usize = 32;
const NHS_NUMBER_LENGTH: usize = 10;
/// Questions of validations at a time, whatever number of requests they are of.
const ASKED_AT_ONCE: usize = 32;

/// Operations that another server may be able to answer.
const OPERATIONS: [(Interaction, &str); 5] = [
    (Interaction::Expand, "$expand"),
    (Interaction::ValidateCode, "$validate-code"),
    (Interaction::Lookup, "$lookup"),
    (Interaction::Subsumes, "$subsumes"),
    (Interaction::Translate, "$translate"),
];

/// The first status that says that a server is at fault.
const SERVER_ERROR: u16 = 500;
/// Failures in a row after which a server is thought to be gone.
const FAILURES_MAX: u32 = 3;
/// How long validation does not ask a server that is gone or too slow, so that not every write waits for it.
const SILENCE_MS: i64 = 30_000;

/// The terminology server of the configuration.
pub struct RemoteTerminology {
    base_url: String,
    systems: Vec<String>,
    /// How long the questions of one validation may take; 0: validation does not ask.
    pub(crate) validation_timeout_ms: u64,
    /// Places for questions of validations.
    pub(crate) places: Semaphore,
    outbound: Outbound,
    kept: Mutex<Kept>,
}

/// Which server, and what it is asked.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// Its FHIR API.
    pub base_url: String,
    /// Whether it may have a private or loopback address.
    pub is_private_allowed: bool,
    /// The code systems of which validation asks it.
    pub systems: Vec<String>,
    /// How long the questions of one validation may take; 0: validation does not ask.
    pub validation_timeout_ms: u64,
}

#[derive(Default)]
struct Kept {
    answers: HashMap<[u8; 32], (Said, Instant)>,
    size_bytes: usize,
    failures: u32,
    silent_until: Option<Instant>,
}

/// What the other server said: that it is so, or that it has no such thing.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub status: u16,
    pub body: Bytes,
}

/// Why there is no answer.
pub(crate) struct NoAnswer {
    /// Whether it looks as if the server were down: no answer in time, an error of its own, or no FHIR.
    pub is_down: bool,
    reason: String,
}

impl RemoteTerminology {
    /// Sets up calls to the FHIR API of a terminology server.
    pub fn new(options: RemoteOptions) -> Result<RemoteTerminology, OutboundError> {
        let RemoteOptions { base_url, is_private_allowed, systems, validation_timeout_ms } = options;
        let limits = Limits { timeout_ms: TIMEOUT_MS, body_bytes_max: ANSWER_BYTES_MAX, is_private_allowed };
        let outbound = Outbound::new(limits)?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        let (places, kept) = (Semaphore::new(ASKED_AT_ONCE), Mutex::default());
        Ok(RemoteTerminology { base_url, systems, validation_timeout_ms, places, outbound, kept })
    }

    /// Whether validation may send what the question holds, if it asks at all: codes of the systems of the configuration that can be such,
    /// and nothing that a person may have written in the place of a code.
    pub(crate) fn may_be_asked(&self, question: &CodeQuestion) -> bool {
        let (system, code) = match question {
            CodeQuestion::InValueSet { value_set, .. } if !is_sent_url(value_set) => return false,
            CodeQuestion::InValueSet { system: Some(system), code, .. } | CodeQuestion::InSystem { system, code } => {
                (system, code)
            }
            CodeQuestion::InValueSet { system: None, .. } => return false,
        };
        self.validation_timeout_ms > 0 && self.systems.contains(system) && is_sent(system, code)
    }

    /// Whether validation leaves it alone for now.
    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        self.lock().silent_until.is_some_and(|until| now < until)
    }

    /// Leaves it alone for a while.
    pub(crate) fn be_silent(&self, now: Instant) {
        self.lock().silent_until = Some(Instant(now.0 + SILENCE_MS));
    }

    /// Asks, or remembers; what is no answer says why. An answer of status 200 must fit.
    pub(crate) async fn ask(
        &self,
        path: &str,
        body: Option<String>,
        fits: impl Fn(&Json) -> bool,
        now: Instant,
    ) -> Result<Said, NoAnswer> {
        let key: [u8; 32] = Sha256::new()
            .chain_update(path)
            .chain_update([0])
            .chain_update(body.as_deref().unwrap_or_default())
            .finalize()
            .into();
        if let Some((answer, _)) = self.lock().answers.get(&key).filter(|(_, at)| now.0 - at.0 < KEPT_MS) {
            return Ok(answer.clone());
        }
        let url = format!("{}/{path}", self.base_url);
        let call = match body {
            Some(body) => Call::post(url, FHIR_JSON, body),
            None => Call::get(url),
        };
        let answer = self.outbound.send(call.header("accept", FHIR_JSON)).await.map_err(|error| {
            tracing::warn!(%error, "the terminology server did not answer");
            let is_down = !matches!(error, OutboundError::TooLong { .. });
            NoAnswer { is_down, reason: "the terminology server did not answer".to_owned() }
        })?;
        // A page of a proxy is no answer, whatever its status, and is not kept as one.
        let json = Json::parse(&answer.body).ok().filter(|json| json.resource_type().is_some());
        let is_answer = json.as_ref().is_some_and(|json| match answer.status {
            200 => fits(json),
            400 | 404 | 422 => json.resource_type() == Some("OperationOutcome"),
            _ => false,
        });
        if !is_answer {
            // Who answers in FHIR, though not to what was asked, is there.
            let is_down = json.is_none() || answer.status >= SERVER_ERROR;
            let reason = match answer.status {
                200 => "the terminology server answers with something else than was asked for".to_owned(),
                status => cannot_tell(status),
            };
            return Err(NoAnswer { is_down, reason });
        }
        let said = Said { status: answer.status, body: answer.body };
        let mut kept = self.lock();
        if kept.size_bytes + said.body.len() > KEPT_BYTES_MAX {
            kept.answers.clear();
            kept.size_bytes = 0;
        }
        (kept.failures, kept.silent_until) = (0, None);
        kept.size_bytes += said.body.len();
        kept.answers.insert(key, (said.clone(), now));
        Ok(said)
    }

    /// Counts that a question of validation found the server down. What clients ask by operations does not count: by questions that
    /// take too long, one could switch off the checks of what all others write.
    pub(crate) fn failed(&self, now: Instant) {
        let mut kept = self.lock();
        kept.failures += 1;
        if kept.failures >= FAILURES_MAX {
            kept.silent_until = Some(Instant(now.0 + SILENCE_MS));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer of this server, or where it cannot tell that of the other.
pub(crate) async fn or_elsewhere(context: &Context<'_>, local: Result<Answer, Failure>) -> Result<Answer, Failure> {
    let (Some(remote), Err(failure)) = (&context.weir.terminologies.remote, &local) else { return local };
    let operation = OPERATIONS.iter().find(|(interaction, _)| *interaction == context.request.interaction);
    let Some((_, operation)) = operation.filter(|_| is_open(failure)) else { return local };
    let Some(question) = question(context, operation).await? else { return local };
    let read = |json: &Json| remote_answer::answer(operation, json);
    let said = remote.ask(&question.path, question.body, |json| read(json).is_some(), context.weir.now()).await;
    let answer = said.map_err(|none| none.reason).and_then(|said| {
        match (said.status, Json::parse(&said.body).ok().as_ref().and_then(read)) {
            (200, Some(answer)) => Ok(answer.to_string()),
            (status, _) => Err(cannot_tell(status)),
        }
    });
    match answer {
        Ok(body) => Ok(Answer { touched: question.touched, ..Answer::json(Outcome::Ok, body) }),
        Err(reason) => {
            let mut failure = failure.clone();
            failure.issues.push(Issue::information("incomplete", reason));
            Err(failure)
        }
    }
}

fn cannot_tell(status: u16) -> String {
    format!("the terminology server cannot tell either: it answers with status {status}")
}

/// Whether a code has the form of its system's, and so is not somebody's number or words. An identifier of SNOMED CT, which dm+d uses too, has
/// a check digit and says what it identifies: 00 and 10 are concepts.
fn is_sent(system: &str, code: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    if SNOMED_IDENTIFIERS.contains(&system) {
        let kind = code.len().checked_sub(3).and_then(|at| code.get(at..at + 2));
        return code.bytes().all(|byte| byte.is_ascii_digit())
            && profiles::is_snomed_code(code)
            && matches!(kind, Some("00" | "10"));
    }
    (1..=CODE_LENGTH_MAX).contains(&code.len()) && code.bytes().all(is_plain) && NhsNumber::parse(code).is_err()
}

/// Whether a url may be one of a definition: a Questionnaire names its value sets itself, and may come with the record.
fn is_sent_url(url: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-_|".contains(&byte);
    let has_number = url.split(|letter: char| !letter.is_ascii_digit()).any(|digits| digits.len() == NHS_NUMBER_LENGTH);
    (url.starts_with("http://") || url.starts_with("https://")) && url.bytes().all(is_plain) && !has_number
}

/// Whether something is not known here, rather than wrong.
fn is_open(failure: &Failure) -> bool {
    let code = failure.issues.first().map(|issue| issue.code);
    matches!(
        (failure.reason, code),
        (Reason::NotFound, Some("not-found")) | (Reason::Unprocessable, Some("not-supported"))
    )
}
