//! `GET [base]/$export/[job]`: 202 while it runs, the manifest when it is done.

use export::JobStatus;

use crate::answer::{Answer, Outcome};
use crate::failure::{Failure, Reason};
use crate::perform::Context;

/// Seconds that a client is asked to wait between two looks.
const POLL_AFTER_S: u32 = 1;

/// Where the caller's own job stands.
pub(crate) async fn export_status(context: &Context<'_>) -> Result<Answer, Failure> {
    let client_id = context.caller.subject.client_id();
    match context.weir.export.status(client_id, context.request.id_str()).await? {
        JobStatus::Running { progress } => {
            let mut answer = Answer::empty(Outcome::Accepted);
            answer.headers.push(("x-progress", progress));
            answer.headers.push(("retry-after", POLL_AFTER_S.to_string()));
            Ok(answer)
        }
        JobStatus::Complete { manifest, expires } => {
            let mut answer = Answer::json(Outcome::Ok, manifest.to_string());
            answer.content_type = "application/json";
            answer.headers.push(("expires", export::http_date(expires)));
            Ok(answer)
        }
        JobStatus::Failed { issues } => Err(Failure::with_issues(Reason::Internal, issues)),
    }
}
