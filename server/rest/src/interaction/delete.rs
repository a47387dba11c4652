//! `DELETE [base]/[type]/[id]`. <https://hl7.org/fhir/R4/http.html#delete>

use store::WriteOp;

use crate::answer::{Answer, Outcome};
use crate::failure::Failure;
use crate::interaction::written::write_one;
use crate::perform::Context;

/// Deletes; history stays. Deleting what is not there succeeds, too.
pub(crate) async fn delete(context: &Context<'_>) -> Result<Answer, Failure> {
    let (type_name, id) = (context.request.type_str().to_owned(), context.request.id_str().to_owned());
    let op = WriteOp::Delete { type_name, id, if_match: context.request.conditions.if_match };
    let written = write_one(context, op).await?;
    let mut answer = Answer::empty(Outcome::NoContent);
    if written.version > 0 {
        answer.version = Some(written.version);
    }
    answer.touched.resources.push(format!("{}/{}", written.type_name, written.id));
    Ok(answer)
}
