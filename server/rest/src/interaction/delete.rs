//! `DELETE [base]/[type]/[id]` and `DELETE [base]/[type]?[criteria]`. <https://hl7.org/fhir/R4/http.html#delete>

use store::WriteOp;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::interaction::criteria::{self, Found, Gone};
use crate::interaction::written::{deleted, write_all};
use crate::perform::Context;

/// Deletes; history stays. Deleting what is not there succeeds, too.
pub(crate) async fn delete(context: &Context<'_>) -> Result<Answer, Failure> {
    criteria::decided_anew(&[&context.request.conditions], async || {
        let found = targets(context).await?;
        let ops = operations(context, &found)?;
        let written = write_all(context.weir, context.grant, ops, found.expected).await?;
        Ok(deleted(&written))
    })
    .await
}

/// What is to be deleted: what the path names, or all that matches, if that is not more than configuration allows.
pub(super) async fn targets(context: &Context<'_>) -> Result<Found, Failure> {
    match &context.request.id {
        Some(id) => Ok(Found::named(id)),
        None => criteria::find(context, context.weir.settings.limits.conditional_delete_max, &Gone::new()).await,
    }
}

/// The deletes of what was found.
pub(super) fn operations(context: &Context<'_>, found: &Found) -> Result<Vec<WriteOp>, Failure> {
    let if_match = context.request.conditions.current_version()?;
    let delete = |id: &String| WriteOp::Delete {
        type_name: context.request.type_str().to_owned(),
        id: id.clone(),
        if_match: if_match.clone(),
    };
    Ok(found.ids.iter().map(delete).collect())
}
