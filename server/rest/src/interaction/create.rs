//! `POST [base]/[type]`. <https://hl7.org/fhir/R4/http.html#create>

use policy::Interaction;
use search::{Options, Query};
use store::{Page, WriteOp};

use crate::answer::Answer;
use crate::failure::{Failure, Reason};
use crate::interaction::written::{answer, resource_of, validated, write_one};
use crate::perform::Context;

/// Creates a resource under an id of the server's; with `If-None-Exist` only when nothing matches.
pub(crate) async fn create(context: &Context<'_>) -> Result<Answer, Failure> {
    let json = resource_of(context)?;
    let validated = validated(context.weir, json)?;
    let issues = validated.issues().to_vec();
    let if_none_exist = match &context.request.conditions.if_none_exist {
        Some(text) => Some(condition(context, text)?),
        None => None,
    };
    let op = WriteOp::Put {
        resource: validated,
        id: context.weir.new_id(),
        interaction: Interaction::Create,
        if_match: None,
        if_none_exist,
    };
    let written = write_one(context, op).await?;
    answer(context, &written, &issues).await
}

/// The one resource that a condition finds among those that the caller may see.
pub(crate) async fn matching(context: &Context<'_>, text: &str) -> Result<Option<String>, Failure> {
    let query = condition(context, text)?;
    let grant = crate::access::also(context.caller, Interaction::SearchType, context.request.type_str())?;
    let found = context.weir.store.search(&grant, &query, Page { count: 2, ..Page::default() }).await?;
    match found.matches.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.facts().id.clone())),
        _ => {
            let message = "several resources match the condition of the create";
            Err(Failure::new(Reason::PreconditionFailed, "multiple-matches", message))
        }
    }
}

/// The query of a condition; the caller must be allowed to search, since the answer tells whether a match exists.
pub(crate) fn condition(context: &Context<'_>, text: &str) -> Result<Query, Failure> {
    let type_name = context.request.type_str();
    crate::access::also(context.caller, Interaction::SearchType, type_name)?;
    // Some clients send the whole relative URL, some the query alone.
    let text = text.split_once('?').map_or(text, |(_, query)| query);
    let params: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if params.is_empty() {
        return Err(Failure::bad_request("required", "header `If-None-Exist` holds no search parameter"));
    }
    let options = Options { base_url: Some(context.weir.settings.base_url.clone()), ..Options::default() };
    search::parse(type_name, &params, &context.weir.registry, &options).map_err(Failure::bad_search)
}
