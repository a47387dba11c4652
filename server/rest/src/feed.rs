//! `POST [base]/$feed/[name]`: the front door of feeds that come over HTTP; the same pipeline as MLLP and `weir ingest`.

use ingest::{Envelope, Receipt};
use serde_json::json;

use crate::answer::{Answer, Outcome};
use crate::failure::{Failure, Reason};
use crate::perform::Context;

/// The feeds by name.
pub const FEED_NAMES: [&str; 3] = ["acute-hl7v2", "gp-connect", "social-care-cld"];

/// Receives one message or file; 200 with a summary when all of it is stored, 422 with its issues when some is in quarantine.
pub(crate) async fn receive(context: &Context<'_>) -> Result<Answer, Failure> {
    let name = context.request.type_str();
    let Some(name) = FEED_NAMES.iter().find(|known| **known == name) else {
        let message = format!("there is no such feed; the feeds are {}", FEED_NAMES.join(", "));
        return Err(Failure::new(Reason::NotFound, "not-found", message));
    };
    if context.request.body.is_empty() {
        return Err(Failure::bad_request("required", "the request has no body; a message is needed"));
    }
    let envelope = Envelope { sender: Some(context.caller.subject.client_id().to_owned()), ..Envelope::default() };
    let receipt = context.weir.ingest.receive(name, context.request.body.clone(), envelope).await?;
    let mut answer = answer_of(&receipt)?;
    answer.touched.resources.clone_from(&receipt.resources);
    Ok(answer)
}

fn answer_of(receipt: &Receipt) -> Result<Answer, Failure> {
    if receipt.quarantined > 0 {
        let mut issues = receipt.issues.clone();
        let message = format!(
            "{} of {} messages, entries or rows are kept in quarantine and can be replayed",
            receipt.quarantined,
            receipt.total().received
        );
        issues.insert(0, fhir::Issue::error("processing", message));
        return Err(Failure::with_issues(Reason::Unprocessable, issues));
    }
    let stored: serde_json::Map<_, _> =
        receipt.stored.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
    let body = json!({
        "messages": receipt.messages,
        "duplicates": receipt.duplicates,
        "quarantined": receipt.quarantined,
        "stored": stored,
    });
    let mut answer = Answer::json(Outcome::Ok, body.to_string());
    answer.content_type = "application/json";
    Ok(answer)
}
