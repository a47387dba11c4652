//! `POST [base]/[type]`. <https://hl7.org/fhir/R4/http.html#create>

use policy::Interaction;
use store::WriteOp;

use crate::answer::Answer;
use crate::answers::Answers;
use crate::failure::{Failure, Reason};
use crate::interaction::criteria;
use crate::interaction::written::{answer, resource_of, validated, write_one};
use crate::perform::Context;

/// Creates a resource under an id of the server's; with `If-None-Exist` only when nothing matches.
pub(crate) async fn create(context: &Context<'_>) -> Result<Answer, Failure> {
    let json = resource_of(context)?;
    let validated = validated(&Answers::new(context), json).await?;
    let issues = validated.issues().to_vec();
    let if_none_exist = criteria::if_none_exist(context)?;
    let op = WriteOp::Put {
        resource: validated,
        id: context.weir.new_id(),
        interaction: Interaction::Create,
        if_match: None,
        if_none_exist,
    };
    let is_conditional = context.request.conditions.if_none_exist.is_some();
    let written = write_one(context, op, Vec::new()).await.map_err(|failure| match failure.reason {
        // The id is new, so that nothing else of it can be in conflict.
        Reason::PreconditionFailed if is_conditional => criteria::several(),
        _ => failure,
    })?;
    answer(context, &written, &issues).await
}
