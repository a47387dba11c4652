//! `POST [base]/$reindex` and `GET [base]/$reindex/[job]`, for administrators. R4 does not define it.

use fhir::Issue;
use store::{ReindexOutcome, ReindexRequest, ReindexStatus};

use crate::answer::{Answer, Outcome};
use crate::failure::{Failure, Reason};
use crate::operation::parameters::Parameters;
use crate::perform::Context;

/// Seconds that a client is asked to wait between two looks.
const POLL_AFTER_S: u32 = 1;

/// Begins a job; 202 with the URL of its status.
pub(crate) async fn reindex(context: &Context<'_>) -> Result<Answer, Failure> {
    let parameters = Parameters::read(context.request)?;
    parameters.check_known(&["type", "parameter"])?;
    let all = |name: &str| {
        let values = parameters.values.iter().filter(|(known, _)| known == name);
        values.flat_map(|(_, value)| value.split(',')).map(|value| value.trim().to_owned()).collect()
    };
    let request = ReindexRequest { types: all("type"), parameters: all("parameter") };
    let weir = context.weir;
    let id = weir.new_id();
    weir.store.queue_reindex(&id, context.caller.subject.client_id(), &request).await?;
    let mut answer = Answer::empty(Outcome::Accepted);
    answer.headers.push(("content-location", format!("{}/$reindex/{id}", weir.settings.base_url)));
    Ok(answer)
}

/// Where a job stands.
pub(crate) async fn reindex_status(context: &Context<'_>) -> Result<Answer, Failure> {
    let found = context.weir.store.reindex_status(context.request.id_str()).await?;
    let progress = match found {
        None => return Err(Failure::new(Reason::NotFound, "not-found", "there is no such job")),
        Some(ReindexStatus::Complete(outcome)) => return Ok(Answer::outcome(Outcome::Ok, &issues(&outcome))),
        Some(ReindexStatus::Failed) => {
            let message = "the job was given up; what it indexed stays, and another POST [base]/$reindex begins again";
            return Err(Failure::new(Reason::Internal, "exception", message));
        }
        Some(ReindexStatus::Queued) => "waiting".to_owned(),
        Some(ReindexStatus::Running(progress)) => {
            format!("{} of about {} resources", progress.resources, progress.total)
        }
    };
    let mut answer = Answer::empty(Outcome::Accepted);
    answer.headers.push(("x-progress", progress));
    answer.headers.push(("retry-after", POLL_AFTER_S.to_string()));
    Ok(answer)
}

fn issues(outcome: &ReindexOutcome) -> Vec<Issue> {
    let message = match outcome.indexed.len() {
        0 => "there was nothing to index: every search parameter in force finds everything".to_owned(),
        count => format!(
            "{} resources were looked at for {count} search parameters: {}",
            outcome.resources,
            outcome.indexed.join(", ")
        ),
    };
    let mut issues = Vec::new();
    if !outcome.indexed.is_empty() || outcome.changed.is_empty() {
        issues.push(Issue::information("informational", message));
    }
    if !outcome.changed.is_empty() {
        let message = format!("changed or taken out meanwhile, so not indexed: {}", outcome.changed.join(", "));
        issues.push(Issue::warning("incomplete", message));
    }
    issues
}
