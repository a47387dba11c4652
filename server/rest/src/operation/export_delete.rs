//! `DELETE [base]/$export/[job]`: cancels a running export, frees the files of a finished one.

use crate::answer::{Answer, Outcome};
use crate::failure::Failure;
use crate::perform::Context;

/// 202; afterwards the status is a 404.
pub(crate) async fn export_delete(context: &Context<'_>) -> Result<Answer, Failure> {
    let client_id = context.caller.subject.client_id();
    context.weir.export.delete(client_id, context.request.id_str()).await?;
    Ok(Answer::empty(Outcome::Accepted))
}
