//! `$meta` of a resource, a type and everything. <https://hl7.org/fhir/R4/resource-operation-meta.html>

use policy::{Label, Released};
use serde_json::{Value, json};

use crate::answer::{Answer, Outcome, Touched};
use crate::failure::Failure;
use crate::operation::parameters::Parameters;
use crate::perform::Context;

/// The `meta` of the current version.
pub(crate) async fn meta_instance(context: &Context<'_>) -> Result<Answer, Failure> {
    Parameters::read(context.request)?.check_known(&[])?;
    let released = current(context).await?;
    answer(released.bytes(), |touched| touched.add(released.facts()))
}

/// The current version of the resource of the path.
pub(super) async fn current(context: &Context<'_>) -> Result<Released, Failure> {
    let (type_name, id) = (context.request.type_str(), context.request.id_str());
    let not_found = || Failure::not_found(type_name, id);
    let version = context.weir.store.read(context.grant, type_name, id).await?.ok_or_else(not_found)?;
    if version.facts().deleted {
        return Err(Failure::gone(type_name, id));
    }
    policy::release(context.grant, version).map_err(|_| not_found())
}

/// The labels in use on visible resources of the type, or of every type that the caller may search.
pub(crate) async fn meta_in_use(context: &Context<'_>) -> Result<Answer, Failure> {
    Parameters::read(context.request)?.check_known(&[])?;
    let weir = context.weir;
    let types = match &context.request.type_name {
        Some(name) => vec![name.clone()],
        None => weir.definitions.resource_types().iter().map(|name| (*name).to_owned()).collect(),
    };
    let found = weir.store.labels_in_use(context.grant, &types).await?;
    let coding = |label: Label| match label.system.as_str() {
        "" => json!({"code": label.code}),
        system => json!({"system": system, "code": label.code}),
    };
    let mut meta = serde_json::Map::new();
    let lists: [(&str, Vec<Value>); 3] = [
        ("profile", found.profiles.into_iter().map(Value::String).collect()),
        ("security", found.security.into_iter().map(coding).collect()),
        ("tag", found.tags.into_iter().map(coding).collect()),
    ];
    meta.extend(lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.into(), list.into())));
    Ok(Answer::json(Outcome::Ok, parameters(&Value::Object(meta).to_string())))
}

/// The `meta` of a stored body as the output of an operation.
pub(super) fn answer(body: &[u8], note: impl FnOnce(&mut Touched)) -> Result<Answer, Failure> {
    let json = crate::interaction::written::parse(body).map_err(|_| Failure::internal())?;
    let meta = json.root().get("meta").map_or("{}", |meta| meta.raw());
    let mut answer = Answer::json(Outcome::Ok, parameters(meta));
    note(&mut answer.touched);
    Ok(answer)
}

/// The output needs its one value, and FHIR knows no empty object: a Meta without labels says that there are none to give.
/// <https://hl7.org/fhir/R4/extension-data-absent-reason.html>
const NO_LABELS: &str = r#"{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"not-applicable"}]}"#;

fn parameters(meta: &str) -> String {
    let meta = if meta == "{}" { NO_LABELS } else { meta };
    format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"return","valueMeta":{meta}}}]}}"#)
}
