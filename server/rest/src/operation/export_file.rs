//! `GET [base]/$export/[job]/[file]`: one NDJSON file of an own export.

use crate::answer::{Answer, Outcome};
use crate::failure::Failure;
use crate::perform::Context;

/// A file, streamed from disk.
pub(crate) async fn export_file(context: &Context<'_>) -> Result<Answer, Failure> {
    let name = context.request.version.as_deref().unwrap_or_default();
    let client_id = context.caller.subject.client_id();
    let path = context.weir.export.file(client_id, context.request.id_str(), name).await?;
    let mut answer = Answer::empty(Outcome::Ok);
    answer.content_type = "application/fhir+ndjson";
    answer.file = Some(path);
    answer.touched.resources.push(format!("export/{name}"));
    Ok(answer)
}
