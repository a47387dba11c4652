//! A FHIR terminology server that is asked where this one cannot tell: SNOMED CT, dm+d, LOINC. Off unless configured.
//!
//! A question is built anew from codes and the names of definitions and, where it is about a value set that is known here, the rules of that value set; nothing else leaves.
//! Answers are kept for a while, so that the same question is asked once. <https://hl7.org/fhir/R4/terminology-service.html>

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use fhir::{Instant, Issue, Json};
use outbound::{Call, Limits, Outbound, OutboundError};
use policy::Interaction;
use sha2::{Digest as _, Sha256};

use crate::answer::{Answer, FHIR_JSON, Outcome};
use crate::failure::{Failure, Reason};
use crate::perform::Context;
use crate::remote_question::question;

/// A person waits for the answer.
const TIMEOUT_MS: u64 = 5_000;
/// Ten thousand codes with their displays have some 2 MB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Answers kept in memory; beyond it all are asked for anew.
const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Releases of terminologies come monthly at most.
const KEPT_MS: i64 = 60 * 60 * 1000;

/// Operations that another server may be able to answer.
const OPERATIONS: [(Interaction, &str); 5] = [
    (Interaction::Expand, "$expand"),
    (Interaction::ValidateCode, "$validate-code"),
    (Interaction::Lookup, "$lookup"),
    (Interaction::Subsumes, "$subsumes"),
    (Interaction::Translate, "$translate"),
];

/// The terminology server of the configuration.
pub struct RemoteTerminology {
    base_url: String,
    outbound: Outbound,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    answers: HashMap<[u8; 32], (Bytes, Instant)>,
    size_bytes: usize,
}

impl RemoteTerminology {
    /// Sets up calls to the FHIR API of a terminology server.
    pub fn new(base_url: &str, is_private_allowed: bool) -> Result<RemoteTerminology, OutboundError> {
        let limits = Limits { timeout_ms: TIMEOUT_MS, body_bytes_max: ANSWER_BYTES_MAX, is_private_allowed };
        let outbound = Outbound::new(limits)?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(RemoteTerminology { base_url, outbound, kept: Mutex::default() })
    }

    /// Asks, or remembers; what is no answer says why.
    async fn ask(&self, path: &str, body: Option<String>, now: Instant) -> Result<Bytes, String> {
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
            "the terminology server did not answer".to_owned()
        })?;
        if answer.status != 200 {
            return Err(format!("the terminology server cannot tell either: it answers with status {}", answer.status));
        }
        let mut kept = self.lock();
        if kept.size_bytes + answer.body.len() > KEPT_BYTES_MAX {
            *kept = Kept::default();
        }
        kept.size_bytes += answer.body.len();
        kept.answers.insert(key, (answer.body.clone(), now));
        Ok(answer.body)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer of this server, or where it cannot tell that of the other.
pub(crate) async fn or_elsewhere(context: &Context<'_>, local: Result<Answer, Failure>) -> Result<Answer, Failure> {
    let (Some(remote), Err(failure)) = (&context.weir.remote_terminology, &local) else { return local };
    let operation = OPERATIONS.iter().find(|(interaction, _)| *interaction == context.request.interaction);
    let Some((_, operation)) = operation.filter(|_| is_open(failure)) else { return local };
    let Some(question) = question(context, operation).await? else { return local };
    let said = remote.ask(&question.path, question.body, context.weir.now()).await;
    let answer = said.and_then(|bytes| match Json::parse(&bytes) {
        Ok(json) if matches!(json.resource_type(), Some("Parameters" | "ValueSet")) => Ok(bytes),
        _ => Err("the terminology server answers with something else than was asked for".to_owned()),
    });
    match answer {
        Ok(bytes) => Ok(Answer { touched: question.touched, ..Answer::json(Outcome::Ok, bytes) }),
        Err(reason) => {
            let mut failure = failure.clone();
            failure.issues.push(Issue::information("incomplete", reason));
            Err(failure)
        }
    }
}

/// Whether something is not known here, rather than wrong.
fn is_open(failure: &Failure) -> bool {
    let code = failure.issues.first().map(|issue| issue.code);
    matches!(
        (failure.reason, code),
        (Reason::NotFound, Some("not-found")) | (Reason::Unprocessable, Some("not-supported"))
    )
}
