//! `PUT [base]/[type]/[id]` and `PUT [base]/[type]?[criteria]`, which also create. <https://hl7.org/fhir/R4/http.html#update>

use fhir::Json;
use policy::Interaction;
use profiles::Validated;
use store::WriteOp;

use crate::answer::Answer;
use crate::answers::Answers;
use crate::failure::{Failure, Reason};
use crate::interaction::criteria::{self, Found, Gone};
use crate::interaction::written::{answer, check_id, resource_of, validated, write_one};
use crate::perform::Context;

/// Writes the resource under the id of the path, which the body must repeat, or of the one match.
pub(crate) async fn update(context: &Context<'_>) -> Result<Answer, Failure> {
    let json = resource_of(context)?;
    let own = id_of(&json);
    check_ids(context, own.as_deref())?;
    let validated = validated(&Answers::new(context), json).await?;
    let issues = validated.issues().to_vec();
    criteria::decided_anew(&[&context.request.conditions], async || {
        let found = target(context, own.as_deref(), &Gone::new()).await?;
        let op = operation(context, &found, validated.clone())?;
        let written = write_one(context, op, found.expected).await?;
        answer(context, &written, &issues).await
    })
    .await
}

/// The id in a body.
pub(super) fn id_of(json: &Json) -> Option<String> {
    json.root().str("id").map(|id| id.into_owned())
}

/// Refuses a body whose id is not that of the path.
pub(super) fn check_ids(context: &Context<'_>, own: Option<&str>) -> Result<(), Failure> {
    let Some(id) = &context.request.id else { return Ok(()) };
    check_id(id)?;
    let failure = match own {
        Some(own) if own == id => return Ok(()),
        Some(_) => Failure::bad_request("value", "the id in the body is not the id in the path"),
        None => Failure::bad_request("required", "the body needs the id that the path has"),
    };
    Err(at_id(context, failure))
}

/// A failure of the id in the body.
fn at_id(context: &Context<'_>, failure: Failure) -> Failure {
    failure.at(&format!("{}.id", context.request.type_str()))
}

/// Which resource an update with that id in its body writes. <https://hl7.org/fhir/R4/http.html#cond-update>
pub(super) async fn target(context: &Context<'_>, own: Option<&str>, gone: &Gone) -> Result<Found, Failure> {
    match &context.request.id {
        Some(id) => Ok(Found::named(id)),
        None => conditional_target(context, own, gone).await,
    }
}

async fn conditional_target(context: &Context<'_>, own: Option<&str>, gone: &Gone) -> Result<Found, Failure> {
    let mut found = criteria::find(context, 1, gone).await?;
    match (found.ids.first(), own) {
        (Some(_), None) => {}
        (Some(id), Some(own)) if id == own => {}
        (Some(_), Some(_)) => {
            let message = "the id in the body is not the id of the resource that matches";
            return Err(at_id(context, Failure::bad_request("value", message)));
        }
        (None, None) => found.ids.push(context.weir.new_id()),
        (None, Some(own)) => {
            check_id(own).map_err(|failure| at_id(context, failure))?;
            // It would be replaced although the criteria say that another one is meant.
            if !found.expect_absent(context, own).await? {
                let message = "the resource of the id in the body does not match the criteria";
                return Err(at_id(context, Failure::new(Reason::Conflict, "business-rule", message)));
            }
            found.ids.push(own.to_owned());
        }
    }
    Ok(found)
}

/// The write of an update.
pub(super) fn operation(context: &Context<'_>, found: &Found, resource: Validated) -> Result<WriteOp, Failure> {
    let id = found.ids.first().cloned().ok_or_else(Failure::internal)?;
    let if_match = context.request.conditions.current_version()?;
    Ok(WriteOp::Put { resource, id, interaction: Interaction::Update, if_match, if_none_exist: None })
}
