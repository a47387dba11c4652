//! `GET [base]/[type]/[id]/_history/[vid]`. <https://hl7.org/fhir/R4/http.html#vread>

use crate::answer::Answer;
use crate::failure::Failure;
use crate::interaction::read::give;
use crate::perform::Context;

/// One version.
pub(crate) async fn vread(context: &Context<'_>) -> Result<Answer, Failure> {
    let (type_name, id) = (context.request.type_str(), context.request.id_str());
    let not_found = || Failure::not_found(type_name, &format!("{id} in that version"));
    let number = context.request.version.as_deref().and_then(|text| text.parse().ok()).ok_or_else(not_found)?;
    match context.weir.store.vread(context.grant, type_name, id, number).await? {
        Some(version) => give(context, version),
        None => Err(not_found()),
    }
}
