//! `GET [base]/[type]/[id]`. <https://hl7.org/fhir/R4/http.html#read>

use policy::Version;

use crate::answer::{Answer, Outcome};
use crate::failure::Failure;
use crate::perform::Context;
use crate::shape::Shape;

/// The current version, 404 when there is none for this caller, 410 when it was deleted.
pub(crate) async fn read(context: &Context<'_>) -> Result<Answer, Failure> {
    let (type_name, id) = (context.request.type_str(), context.request.id_str());
    match context.weir.store.read(context.grant, type_name, id).await? {
        Some(version) => give(context, version),
        None => Err(Failure::not_found(type_name, id)),
    }
}

/// Releases one version to the caller.
pub(crate) fn give(context: &Context<'_>, version: Version) -> Result<Answer, Failure> {
    let facts = version.facts();
    if facts.deleted {
        return Err(Failure::gone(&facts.type_name, &facts.id));
    }
    // What policy holds back here is not there for this caller: a 403 would tell that it exists.
    let not_found = Failure::not_found(&facts.type_name, &facts.id);
    let released = policy::release(context.grant, version).map_err(|_| not_found)?;
    let facts = released.facts();
    let mut answer = if context.request.conditions.is_not_modified(facts.version, facts.last_updated) {
        Answer::empty(Outcome::NotModified)
    } else {
        Answer::json(Outcome::Ok, shape(context)?.apply(released.bytes(), &context.weir.definitions)?)
    };
    answer.version = Some(facts.version);
    answer.last_updated = Some(facts.last_updated);
    answer.touched.add(facts);
    Ok(answer)
}

fn shape(context: &Context<'_>) -> Result<Shape, Failure> {
    let mut shape = Shape::default();
    for param in &context.request.params {
        shape.take(param, context.request.type_str(), &context.weir.definitions)?;
    }
    if shape.is_count() {
        return Err(Failure::bad_param("_summary", "value", "`_summary=count` is for searches and histories"));
    }
    Ok(shape)
}
