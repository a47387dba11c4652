//! `PUT [base]/[type]/[id]`, which also creates. <https://hl7.org/fhir/R4/http.html#update>

use policy::Interaction;
use store::WriteOp;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::interaction::written::{answer, check_id, resource_of, validated, write_one};
use crate::perform::Context;

/// Writes the resource under the id of the path, which the body must repeat.
pub(crate) async fn update(context: &Context<'_>) -> Result<Answer, Failure> {
    let (type_name, id) = (context.request.type_str(), context.request.id_str());
    check_id(id)?;
    let json = resource_of(context)?;
    match json.root().str("id") {
        Some(found) if found == id => {}
        Some(_) => return Err(Failure::bad_request("value", "the id in the body is not the id in the path")),
        None => return Err(Failure::bad_request("required", "the body needs the id that the path has")),
    }
    let validated = validated(context.weir, json)?;
    let issues = validated.issues().to_vec();
    // An update can create; then the caller needs that permission too (SMART 2.2: `u` covers update-as-create, so this is decided by policy).
    crate::access::also(context.caller, Interaction::Update, type_name)?;
    let op = WriteOp::Put {
        resource: validated,
        id: id.to_owned(),
        interaction: Interaction::Update,
        if_match: context.request.conditions.if_match,
        if_none_exist: None,
    };
    let written = write_one(context, op).await?;
    answer(context, &written, &issues).await
}
