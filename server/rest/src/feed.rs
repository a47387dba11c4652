//! `POST [base]/$feed/[name]`: the front door of feeds that come over HTTP; the same pipeline as MLLP and `weir ingest`.

use fhir::{Issue, Severity};
use ingest::{Envelope, Receipt};
use serde_json::json;

use crate::answer::{Answer, Outcome};
use crate::failure::{Failure, Reason};
use crate::perform::Context;

/// The feeds by name.
pub const FEED_NAMES: [&str; 3] = ["acute-hl7v2", "gp-connect", "social-care-cld"];

/// Issues of a delivery that are told in the answer; all are kept with the messages.
const ISSUES_MAX: usize = 100;

/// Receives one message or file; 200 with a summary, 422 when all of it went to quarantine.
pub(crate) async fn receive(context: &Context<'_>) -> Result<Answer, Failure> {
    let name = context.request.type_str();
    let Some(name) = FEED_NAMES.iter().find(|known| **known == name) else {
        let message = format!("there is no such feed; the feeds are {}", FEED_NAMES.join(", "));
        return Err(Failure::new(Reason::NotFound, "not-found", message));
    };
    if context.request.body.is_empty() {
        return Err(Failure::bad_request("required", "the request has no body; a message is needed"));
    }
    let envelope = Envelope {
        sender: Some(context.caller.subject.client_id().to_owned()),
        request_id: Some(context.caller.request_id.clone()),
        source_address: context.caller.source_address.clone(),
    };
    let receipt = context.weir.ingest.receive(name, context.request.body.clone(), envelope).await?;
    let mut answer = answer_of(&receipt)?;
    answer.touched.resources.clone_from(&receipt.resources);
    Ok(answer)
}

/// What became of the delivery, as Parameters: things of the source counted, resources stored by type, what is in quarantine as an
/// OperationOutcome. Refused only when nothing of it could be stored.
fn answer_of(receipt: &Receipt) -> Result<Answer, Failure> {
    let total = receipt.total();
    // What is only worth knowing would bury what must be acted upon, in a file of thousands.
    let told = receipt.issues.iter().filter(|issue| !matches!(issue.severity, Severity::Information));
    let mut issues: Vec<Issue> = told.take(ISSUES_MAX).cloned().collect();
    if receipt.quarantined > 0 {
        let message = format!(
            "{} of {} messages, entries or rows are kept in quarantine and can be replayed there; do not send them again",
            receipt.quarantined, total.received
        );
        issues.insert(0, Issue::error("processing", message));
        if total.stored + total.duplicates + total.outdated == 0 {
            return Err(Failure::with_issues(Reason::Unprocessable, issues));
        }
    }
    let count = |name: &str, count: u64| json!({"name": name, "valueInteger": count});
    let mut parameters = vec![
        count("received", total.received),
        count("stored", total.stored),
        count("duplicate", total.duplicates),
        count("outdated", total.outdated),
        count("quarantined", receipt.quarantined),
    ];
    parameters.extend(receipt.stored.iter().map(|(name, stored)| {
        json!({"name": "resources", "part": [{"name": "type", "valueCode": name}, count("stored", *stored)]})
    }));
    if !issues.is_empty() {
        parameters.push(json!({"name": "outcome", "resource": fhir::operation_outcome(&issues)}));
    }
    let body = json!({"resourceType": "Parameters", "parameter": parameters});
    Ok(Answer::json(Outcome::Ok, body.to_string()))
}
