//! `$validate` of a resource, with or without the interaction that it is meant for. <https://hl7.org/fhir/R4/resource-operation-validate.html>

use fhir::{Issue, Json};
use policy::Interaction;
use profiles::Options;
use store::StoreError;

use crate::access;
use crate::answer::{Answer, Outcome};
use crate::answers::Answers;
use crate::failure::Failure;
use crate::interaction::written::{check_id, check_whole, parse};
use crate::operation::parameters::Parameters;
use crate::perform::Context;

/// Where the definitions of base R4 begin.
const BASE_DEFINITION: &str = "http://hl7.org/fhir/StructureDefinition/";

/// An OperationOutcome, 200 whether the resource is valid or not.
pub(crate) async fn validate(context: &Context<'_>) -> Result<Answer, Failure> {
    let parameters = Parameters::read(context.request)?;
    parameters.check_known(&["mode", "profile"])?;
    let asked_mode = parameters.one("mode")?;
    if asked_mode == Some("profile") {
        return stored(context, &parameters).await;
    }
    let mode = mode(asked_mode, context.request.id.is_some())?;
    let mut issues = Vec::new();
    if mode != Some(Interaction::Delete) {
        let resource = parameters.resource()?.ok_or_else(|| {
            Failure::bad_request("required", "a resource is needed: as the body, or as the parameter `resource`")
        })?;
        issues = content(context, &resource, parameters.one("profile")?).await?;
        parameters.place(context.request, &mut issues);
        if let Some(mode) = mode {
            let whole = check_whole(&resource).err();
            issues.extend(whole.into_iter().chain(identity(context, &resource, mode)).flat_map(|one| one.issues));
        }
    }
    if let Some(mode) = mode {
        issues.extend(acceptance(context, mode).await?);
    }
    Ok(Answer::outcome(Outcome::Ok, &issues))
}

fn mode(text: Option<&str>, is_instance: bool) -> Result<Option<Interaction>, Failure> {
    match text {
        None => Ok(None),
        Some("create") => Ok(Some(Interaction::Create)),
        Some("update") if is_instance => Ok(Some(Interaction::Update)),
        Some("delete") if is_instance => Ok(Some(Interaction::Delete)),
        Some("update" | "delete") => {
            let message = "modes update and delete are for one resource: [type]/[id]/$validate";
            Err(Failure::bad_request("not-supported", message))
        }
        Some(_) => Err(Failure::bad_request("value", "parameter `mode` must be create, update, delete or profile")),
    }
}

/// Mode `profile`: the resource as it is stored, held against the profile.
async fn stored(context: &Context<'_>, parameters: &Parameters) -> Result<Answer, Failure> {
    let profile = parameters.one("profile")?;
    if context.request.id.is_none() || profile.is_none() || parameters.resource()?.is_some() {
        let message =
            "mode profile is for one stored resource, [type]/[id]/$validate, and needs the parameter `profile`";
        return Err(Failure::bad_request("required", message));
    }
    let (type_name, id) = (context.request.type_str(), context.request.id_str());
    let grant = access::also(context.caller, Interaction::Read, type_name)?;
    let not_found = || Failure::not_found(type_name, id);
    let version = context.weir.store.read(&grant, type_name, id).await?.ok_or_else(not_found)?;
    if version.facts().deleted {
        return Err(Failure::gone(type_name, id));
    }
    // What policy holds back here is not there for this caller.
    let released = policy::release(&grant, version).map_err(|_| not_found())?;
    let resource = parse(released.bytes())?;
    let mut answer = Answer::outcome(Outcome::Ok, &content(context, &resource, profile).await?);
    answer.touched.add(released.facts());
    Ok(answer)
}

/// The resource against base R4, the profiles that it claims, and the one that was asked for.
async fn content(context: &Context<'_>, resource: &Json, profile: Option<&str>) -> Result<Vec<Issue>, Failure> {
    let weir = context.weir;
    let asked = context.request.type_name.as_deref();
    if asked.is_some_and(|name| resource.resource_type() != Some(name)) {
        let message = format!("the resource must be of type {}, as the path says", context.request.type_str());
        return Err(Failure::bad_request("invalid", message));
    }
    // Base R4 is looked at in any case.
    let base = resource.resource_type().map(|name| format!("{BASE_DEFINITION}{name}"));
    let profile = profile.filter(|url| base.as_deref() != Some(*url));
    if profile.is_some_and(|url| weir.validator().definitions().profile(url).is_none()) {
        let message = "the profile of parameter `profile` is not known here, so nothing can be held against it";
        return Err(Failure::bad_request("not-supported", message));
    }
    let answers = Answers::new(context);
    let options = Options { profiles: profile.into_iter().map(str::to_owned).collect(), ..answers.options() };
    answers.issues(resource, options).await
}

/// Whether the id is one that the interaction would take.
fn identity(context: &Context<'_>, resource: &Json, mode: Interaction) -> Option<Failure> {
    if mode != Interaction::Update {
        return None;
    }
    let id = context.request.id_str();
    if resource.root().str("id").as_deref() != Some(id) {
        return Some(Failure::bad_request("value", "the id in the resource is not the id in the path"));
    }
    check_id(id).err()
}

/// Whether this caller's interaction would be taken, as far as that can be told without doing it.
async fn acceptance(context: &Context<'_>, mode: Interaction) -> Result<Vec<Issue>, Failure> {
    let (type_name, id) = (context.request.type_str(), context.request.id_str());
    let grant = match access::also(context.caller, mode, type_name) {
        Ok(grant) => grant,
        Err(refused) => return Ok(refused.issues),
    };
    if mode == Interaction::Create {
        return Ok(Vec::new());
    }
    let found = match context.weir.store.read(&grant, type_name, id).await {
        Ok(found) => found,
        // Whoever may write and not read is told nothing of what is there.
        Err(StoreError::Denied(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(found) = found else { return Ok(Vec::new()) };
    let facts = found.facts();
    if let Err(denied) = grant.check_write(mode, facts).and_then(|()| grant.check_replace(facts)) {
        return Ok(Failure::from(denied).issues);
    }
    let checked = context.request.conditions.check_version((type_name, id), facts.version);
    Ok(checked.err().map_or_else(Vec::new, |failure| failure.issues))
}
