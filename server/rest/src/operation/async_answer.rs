//! `[base]/$async/[job]`: where a request with `Prefer: respond-async` stands, and its answer. <https://hl7.org/fhir/R4/async.html>

use fhir::Issue;
use store::{ASYNC_KINDS, ASYNC_WRITE, Job, JobState};

use crate::answer::{Answer, Outcome};
use crate::async_request::{Ended, Kept};
use crate::failure::{Failure, Reason};
use crate::perform::Context;

/// The name of the one file.
const FILE: &str = "answer.ndjson";
/// Seconds that a client is asked to wait between two looks.
const POLL_AFTER_S: u32 = 1;

/// 202 while it waits or runs; then the manifest, or the failure with the status that it would have had.
pub(crate) async fn async_status(context: &Context<'_>) -> Result<Answer, Failure> {
    let (job, kept) = own(context).await?;
    let progress = match job.state {
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Cancelled => return Err(unknown()),
        JobState::Failed => return Ok(given_up(&job)),
        JobState::Complete => {
            let ended = Ended::of_job(&job)?;
            if let Some(reason) = ended.failed {
                return Ok(Answer::json(Outcome::Failed(reason), ended.body));
            }
            let url = format!("{}/$async/{}/{FILE}", context.weir.settings.base_url, job.id);
            let mut answer = Answer::json(Outcome::Ok, ended.manifest(&kept, &url).to_string());
            answer.content_type = "application/json";
            answer.headers.push(("expires", export::http_date(job.expires)));
            return Ok(answer);
        }
    };
    let mut answer = Answer::empty(Outcome::Accepted);
    answer.headers.push(("x-progress", progress.to_owned()));
    answer.headers.push(("retry-after", POLL_AFTER_S.to_string()));
    Ok(answer)
}

/// The answer, as a line of NDJSON.
pub(crate) async fn async_file(context: &Context<'_>) -> Result<Answer, Failure> {
    let (job, _) = own(context).await?;
    if job.state != JobState::Complete || context.request.version.as_deref() != Some(FILE) {
        return Err(unknown());
    }
    let ended = Ended::of_job(&job)?;
    if ended.failed.is_some() || ended.type_name.is_none() {
        return Err(unknown());
    }
    if !ended.is_about(&context.caller.subject) {
        let message = "the patient belongs to another person now, so the answer is withheld; send the request again";
        return Err(Failure::new(Reason::Gone, "deleted", message));
    }
    let mut answer = Answer::json(Outcome::Ok, ended.body + "\n");
    answer.content_type = "application/fhir+ndjson";
    (answer.touched.resources, answer.touched.patients) = (ended.resources, ended.patients);
    answer.touched.job = Some(job.id);
    Ok(answer)
}

/// Takes the request back, or its answer away. A write that was begun is carried out.
pub(crate) async fn async_delete(context: &Context<'_>) -> Result<Answer, Failure> {
    let (job, _) = own(context).await?;
    context.weir.store.delete_job(&job.id).await?;
    Ok(Answer::empty(Outcome::Accepted))
}

/// The job of the path, if it was asked for on the same behalf and what it asked would be granted now; to others it is not there.
async fn own(context: &Context<'_>) -> Result<(Job, Kept), Failure> {
    let job = context.weir.store.job(context.request.id_str()).await?.ok_or_else(unknown)?;
    if !ASYNC_KINDS.contains(&job.kind.as_str()) || job.expires <= context.weir.now() {
        return Err(unknown());
    }
    let kept = Kept::of_job(&job)?;
    if !kept.is_of(&context.caller.subject) {
        return Err(unknown());
    }
    let (interaction, type_name) = kept.asked();
    policy::decide(&context.caller.subject, interaction, type_name)?;
    Ok((job, kept))
}

fn unknown() -> Failure {
    Failure::new(Reason::NotFound, "not-found", "there is no such request")
}

/// Its node was gone while it ran.
fn given_up(job: &Job) -> Answer {
    let (detail, message) = if job.kind == ASYNC_WRITE {
        let message = "the server stopped while it carried the request out: whether it was stored is not known; look before sending it again";
        ("async-outcome-unknown", message)
    } else {
        ("async-given-up", "the server stopped each time that it carried the request out; nothing was changed")
    };
    let issue = Issue::error("incomplete", message).detail(detail);
    Answer::outcome(Outcome::Failed(Reason::Internal), &[issue])
}
