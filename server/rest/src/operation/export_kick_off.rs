//! `GET|POST [base]/Patient/$export`. <https://hl7.org/fhir/uv/bulkdata/STU2/export.html>

use export::KickOff;
use fhir::{FhirDate, Instant, Json};
use policy::Subject;

use crate::answer::{Answer, Outcome};
use crate::failure::Failure;
use crate::interaction::search_type::encoded;
use crate::perform::Context;

/// Begins an export; 202 with the URL of its status.
pub(crate) async fn export_kick_off(context: &Context<'_>) -> Result<Answer, Failure> {
    let weir = context.weir;
    let parameters = parameters(context)?;
    let mut kick_off = KickOff {
        client_id: context.caller.subject.client_id().to_owned(),
        scopes: match &context.caller.subject {
            Subject::Principal(principal) => Some(principal.scopes.to_string()),
            Subject::OpenAccess => None,
        },
        request_url: request_url(context),
        types: Vec::new(),
        since: None,
        request_id: context.caller.request_id.clone(),
    };
    for (name, value) in &parameters {
        match name.as_str() {
            "_type" => kick_off.types.extend(value.split(',').map(|name| name.trim().to_owned())),
            "_since" => kick_off.since = Some(instant(value)?),
            "_outputFormat" => check_output_format(value)?,
            "_format" | "_pretty" => {}
            _ if context.request.conditions.handling == search::Handling::Lenient => {}
            _ => {
                let message = "the export takes `_type`, `_since` and `_outputFormat`; another parameter was given";
                return Err(Failure::bad_param(name, "not-supported", message));
            }
        }
    }
    check_types(context, &kick_off.types)?;
    let id = weir.export.kick_off(context.grant, kick_off).await?;
    let mut answer = Answer::empty(Outcome::Accepted);
    answer.headers.push(("content-location", format!("{}/$export/{id}", weir.settings.base_url)));
    Ok(answer)
}

/// From the query, or from a Parameters resource when posted.
fn parameters(context: &Context<'_>) -> Result<Vec<(String, String)>, Failure> {
    let mut parameters = context.request.params.clone();
    let is_form = context.request.content_type.as_deref() == Some("application/x-www-form-urlencoded");
    if context.request.body.is_empty() || is_form {
        return Ok(parameters);
    }
    let json: Json = crate::interaction::parse_body(&context.request.body)?;
    if json.resource_type() != Some("Parameters") {
        return Err(Failure::bad_request("invalid", "the body must be a Parameters resource"));
    }
    for parameter in json.root().get("parameter").into_iter().flat_map(|list| list.items()) {
        let name = parameter.str("name").unwrap_or_default().into_owned();
        let value = parameter.members().find(|(key, _)| key.starts_with("value")).and_then(|(_, node)| node.as_str());
        let Some(value) = value else {
            let message = "each parameter of the body needs a name and a value of a primitive type";
            return Err(Failure::bad_request("invalid", message));
        };
        parameters.push((name, value.into_owned()));
    }
    Ok(parameters)
}

fn request_url(context: &Context<'_>) -> String {
    let mut url = format!("{}/Patient/$export", context.weir.settings.base_url);
    if !context.request.params.is_empty() {
        url.push('?');
        url.push_str(&encoded(&context.request.params));
    }
    url
}

fn instant(text: &str) -> Result<Instant, Failure> {
    let date = FhirDate::parse(text).map(|date| date.range().0);
    date.ok_or_else(|| Failure::bad_param("_since", "value", "`_since` must be an instant, as 2026-01-31T00:00:00Z"))
}

fn check_output_format(text: &str) -> Result<(), Failure> {
    match text {
        "application/fhir+ndjson" | "application/ndjson" | "ndjson" => Ok(()),
        _ => {
            Err(Failure::bad_param("_outputFormat", "not-supported", "`_outputFormat` must be application/fhir+ndjson"))
        }
    }
}

fn check_types(context: &Context<'_>, types: &[String]) -> Result<(), Failure> {
    for name in types {
        if !context.weir.definitions.is_resource_type(name) {
            return Err(Failure::bad_param(
                "_type",
                "value",
                "`_type` names something that is not a resource type of FHIR R4",
            ));
        }
        if !context.grant.predicate().types.contains(name) {
            let message = format!("the client's scopes do not cover {name}");
            return Err(Failure::from(policy::Denied::new("scope-missing", message)));
        }
    }
    Ok(())
}
