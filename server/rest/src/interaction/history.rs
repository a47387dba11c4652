//! `_history` of a resource, a type and the whole server. <https://hl7.org/fhir/R4/http.html#history>

use bytes::Bytes;
use fhir::{BundleEntry, BundleWriter, EntryResponse, Instant};
use policy::{Interaction, Released};
use store::{CommitSeq, HistoryPage, HistoryTarget, Method};

use crate::answer::{Answer, Outcome, Touched};
use crate::failure::Failure;
use crate::interaction::search_type::encoded;
use crate::page_link::{self, Binding};
use crate::perform::Context;
use crate::shape::Shape;

struct Parameters {
    since: Option<Instant>,
    at: Option<(Instant, Instant)>,
    shape: Shape,
    count: u32,
    page: Option<String>,
    kept: Vec<(String, String)>,
}

/// The versions that the caller may see, the newest first, one page.
pub(crate) async fn history(context: &Context<'_>) -> Result<Answer, Failure> {
    let weir = context.weir;
    let (path, target) = target(context);
    let parameters = parameters(context)?;
    let search = format!("{path}?{}", encoded(&parameters.kept));
    let binding = Binding { weir, token_hash: &context.caller.token_hash, search: &search };
    let cursor: Option<i64> = match &parameters.page {
        Some(text) => Some(page_link::open(text, &binding)?),
        None => None,
    };
    let before_seq = cursor.map(CommitSeq);
    let count = if parameters.shape.is_count() { 0 } else { parameters.count };
    let page = HistoryPage { since: parameters.since, at: parameters.at, count, before_seq };
    let result = weir.store.history(context.grant, target, page).await?;
    if result.versions.is_empty() && before_seq.is_none() && context.request.interaction == Interaction::HistoryInstance
    {
        exists(context).await?;
    }

    let base = &weir.settings.base_url;
    let mut writer = BundleWriter::new("history");
    if let Some(total) = result.total {
        writer = writer.total(total);
    }
    writer = writer.link("self", &link(base, &path, &parameters.kept, parameters.page.clone()));
    if let Some(next) = &result.next {
        let next = page_link::seal(&next.0, &binding)?;
        writer = writer.link("next", &link(base, &path, &parameters.kept, Some(next)));
    }
    let mut touched = Touched::default();
    for (version, method) in result.versions {
        let Ok(released) = policy::release(context.grant, version) else { continue };
        let body = parameters.shape.apply(released.bytes(), &weir.definitions);
        write_entry(&mut writer, base, (&released, &body?), method);
        touched.add(released.facts());
    }
    let mut answer = Answer::json(Outcome::Ok, writer.finish());
    answer.touched = touched;
    Ok(answer)
}

fn target(context: &Context<'_>) -> (String, HistoryTarget) {
    let (type_name, id) = (context.request.type_str(), context.request.id_str());
    match context.request.interaction {
        Interaction::HistoryInstance => {
            (format!("{type_name}/{id}/_history"), HistoryTarget::Instance(type_name.to_owned(), id.to_owned()))
        }
        Interaction::HistoryType => (format!("{type_name}/_history"), HistoryTarget::Type(type_name.to_owned())),
        _ => ("_history".to_owned(), HistoryTarget::System),
    }
}

fn parameters(context: &Context<'_>) -> Result<Parameters, Failure> {
    let limits = context.weir.settings.limits;
    let mut read = Parameters {
        since: None,
        at: None,
        shape: Shape::default(),
        count: limits.page_count_default,
        page: None,
        kept: Vec::new(),
    };
    for param in &context.request.params {
        let (name, value) = param;
        match name.as_str() {
            "_since" => read.since = Some(period(param, "`_since` must be an instant")?.0),
            "_at" => read.at = Some(period(param, "`_at` must be a date or a moment, without a prefix")?),
            "_count" => {
                let count = value.parse::<u32>().ok().filter(|count| *count > 0);
                let count =
                    count.ok_or_else(|| Failure::bad_param(name, "value", "`_count` must be a positive number"))?;
                read.count = count.min(limits.page_count_max);
            }
            page_link::PARAMETER => {
                read.page = Some(value.clone());
                continue;
            }
            "_format" | "_pretty" => {}
            _ if read.shape.take(param, context.request.type_str(), &context.weir.definitions)? => {}
            _ if context.request.conditions.handling == search::Handling::Lenient => continue,
            _ => {
                return Err(Failure::bad_param(
                    name,
                    "not-supported",
                    "a history takes `_since`, `_at`, `_count`, `_summary`, `_elements`, `_format` and `_pretty` only",
                ));
            }
        }
        read.kept.push((name.clone(), value.clone()));
    }
    Ok(read)
}

/// The moments that a date stands for.
fn period((name, value): &(String, String), otherwise: &str) -> Result<(Instant, Instant), Failure> {
    let date = fhir::FhirDate::parse(value).ok_or_else(|| Failure::bad_param(name, "value", otherwise))?;
    Ok(date.range())
}

/// An empty first page of one resource: 404 when the resource is not there for this caller.
async fn exists(context: &Context<'_>) -> Result<(), Failure> {
    let (type_name, id) = (context.request.type_str(), context.request.id_str());
    match context.weir.store.read(context.grant, type_name, id).await? {
        Some(_) => Ok(()),
        None => Err(Failure::not_found(type_name, id)),
    }
}

fn write_entry(writer: &mut BundleWriter, base: &str, (released, body): (&Released, &Bytes), method: Method) {
    let facts = released.facts();
    let full_url = format!("{base}/{}/{}", facts.type_name, facts.id);
    let status = match method {
        Method::Delete => "204 No Content",
        _ if facts.version == 1 => "201 Created",
        _ => "200 OK",
    };
    let url =
        if method == Method::Post { facts.type_name.clone() } else { format!("{}/{}", facts.type_name, facts.id) };
    let etag = format!("W/\"{}\"", facts.version);
    writer.entry(&BundleEntry {
        full_url: Some(&full_url),
        resource: (!facts.deleted).then_some(body.as_ref()),
        request: Some((method.as_str(), &url)),
        response: Some(EntryResponse {
            status,
            etag: Some(&etag),
            last_modified: Some(facts.last_updated),
            ..EntryResponse::default()
        }),
        ..BundleEntry::default()
    });
}

fn link(base: &str, path: &str, kept: &[(String, String)], page: Option<String>) -> String {
    let mut params = kept.to_vec();
    params.extend(page.map(|page| (page_link::PARAMETER.to_owned(), page)));
    if params.is_empty() { format!("{base}/{path}") } else { format!("{base}/{path}?{}", encoded(&params)) }
}
