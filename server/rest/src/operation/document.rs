//! `Composition/[id]/$document`: the Composition and what it refers to, as one document. <https://hl7.org/fhir/R4/composition-operation-document.html>
//!
//! A document that lacks an entry of its sections reads as if that had never been recorded, so there is a whole one or none.

use fhir::{BundleEntry, BundleWriter, Issue, Json, Reference};
use policy::Released;

use crate::answer::{Answer, Outcome, Touched};
use crate::failure::{Failure, Reason};
use crate::interaction::written::parse;
use crate::operation::parameters::Parameters;
use crate::operation::references::{Names, local_targets};
use crate::perform::Context;

/// A Bundle of type document.
pub(crate) async fn document(context: &Context<'_>) -> Result<Answer, Failure> {
    let weir = context.weir;
    let id = id(context)?;
    let composition = composition(context, &id).await?;
    let json = parse(composition.bytes()).map_err(|_| Failure::internal())?;
    let mut names = local_targets(&json, &weir.settings.base_url);
    names.remove(&("Composition".to_owned(), id));
    let referred = referred(context, &json, names).await?;

    let mut writer = BundleWriter::new("document")
        .identifier("urn:ietf:rfc:3986", &format!("urn:uuid:{}", weir.new_id()))
        .timestamp(weir.now());
    let mut touched = Touched::default();
    for released in std::iter::once(&composition).chain(&referred) {
        let facts = released.facts();
        let full_url = format!("{}/{}/{}", weir.settings.base_url, facts.type_name, facts.id);
        let resource = Some(released.bytes().as_ref());
        writer.entry(&BundleEntry { full_url: Some(&full_url), resource, ..BundleEntry::default() });
        touched.add(facts);
    }
    let mut answer = Answer::json(Outcome::Ok, writer.finish());
    answer.touched = touched;
    Ok(answer)
}

fn id(context: &Context<'_>) -> Result<String, Failure> {
    let parameters = Parameters::read(context.request)?;
    parameters.check_known(&["id", "persist", "graph"])?;
    if parameters.flag("persist")? == Some(true) || parameters.one("graph")?.is_some() {
        let message = "a document is not kept (`persist`) nor gathered by a GraphDefinition (`graph`); post it to Bundle to keep it";
        let name = if parameters.one("graph")?.is_some() { "graph" } else { "persist" };
        return Err(parameters.refused(name, "not-supported", message));
    }
    match (&context.request.id, parameters.one("id")?) {
        (Some(id), None) => Ok(id.clone()),
        (Some(_), Some(_)) => {
            Err(parameters.refused("id", "value", "parameter `id` is for Composition/$document only"))
        }
        (None, None) => Err(Failure::bad_request("required", "parameter `id` must name the Composition")),
        (None, Some(text)) => match Reference::parse(text) {
            Reference::Relative { type_name, id, .. } if type_name == "Composition" => Ok(id),
            Reference::Absolute { base, type_name, id, .. }
                if type_name == "Composition" && base == context.weir.settings.base_url =>
            {
                Ok(id)
            }
            Reference::Other(_) if fhir::FhirId::parse(text).is_some() => Ok(text.to_owned()),
            _ => {
                Err(parameters.refused("id", "not-supported", "parameter `id` must name a Composition of this server"))
            }
        },
    }
}

async fn composition(context: &Context<'_>, id: &str) -> Result<Released, Failure> {
    let not_found = || Failure::not_found("Composition", id);
    let version = context.weir.store.read(context.grant, "Composition", id).await?.ok_or_else(not_found)?;
    if version.facts().deleted {
        return Err(Failure::gone("Composition", id));
    }
    policy::release(context.grant, version).map_err(|_| not_found())
}

/// What the Composition refers to, all of it.
async fn referred(context: &Context<'_>, json: &Json, names: Names) -> Result<Vec<Released>, Failure> {
    let store = &context.weir.store;
    let limit = context.weir.settings.limits.page_count_max as usize;
    if names.len() > limit {
        let message = format!("the Composition refers to {} resources; this server joins {limit}", names.len());
        return Err(Failure::new(Reason::Unprocessable, "too-costly", message));
    }
    let names: Vec<(String, String)> = names.into_iter().collect();
    let found = store.read_at(context.grant, &names, store.commit_seq().await?).await?;
    let released: Vec<Released> =
        found.into_iter().filter_map(|version| policy::release(context.grant, version).ok()).collect();
    let is_there = |name: &(String, String)| {
        released.iter().any(|one| one.facts().type_name == name.0 && one.facts().id == name.1)
    };
    let missing: Names = names.iter().filter(|name| !is_there(name)).cloned().collect();
    if missing.is_empty() {
        return Ok(released);
    }
    let root = json.root();
    let issues = root.members().filter(|(_, value)| {
        let below = parse(value.raw().as_bytes());
        below.is_ok_and(|below| !local_targets(&below, &context.weir.settings.base_url).is_disjoint(&missing))
    });
    let message = "the document would not be whole: something here refers to what is not there for this caller";
    let issues = issues.map(|(key, _)| Issue::error("not-found", message).at(format!("Composition.{key}"))).collect();
    Err(Failure::with_issues(Reason::Unprocessable, issues))
}
