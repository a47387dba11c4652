//! `DELETE [base]/[type]/[id]`. <https://hl7.org/fhir/R4/http.html#delete>

use store::WriteOp;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::interaction::written::{deleted, write_one};
use crate::perform::Context;

/// Deletes; history stays. Deleting what is not there succeeds, too.
pub(crate) async fn delete(context: &Context<'_>) -> Result<Answer, Failure> {
    let (type_name, id) = (context.request.type_str().to_owned(), context.request.id_str().to_owned());
    let op = WriteOp::Delete { type_name, id, if_match: context.request.conditions.if_match };
    Ok(deleted(&write_one(context, op).await?))
}
