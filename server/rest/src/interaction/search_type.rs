//! Search of a type, of the whole server and of a compartment, by GET and by POST `_search`. <https://hl7.org/fhir/R4/search.html>

use fhir::{BundleEntry, BundleWriter, Issue};
use policy::{Interaction, Released};
use search::{Options, Query, Summary};
use store::{CommitSeq, Cursor, Page};

use crate::answer::{Answer, Outcome};
use crate::failure::{Failure, Reason};
use crate::interaction::include;
use crate::page_link::{self, Binding};
use crate::perform::Context;
use crate::search_terminology::KnownCodes;
use crate::shape::Shape;

/// Asks for the plan instead of the matches; for administrators.
const EXPLAIN: &str = "_explain";

/// The matches that the caller may see, one page.
pub(crate) async fn search_type(context: &Context<'_>) -> Result<Answer, Failure> {
    let weir = context.weir;
    let mut params = context.request.params.clone();
    let page_text = take(&mut params, page_link::PARAMETER);
    let wants_plan = take(&mut params, EXPLAIN).is_some_and(|value| value == "true");
    let codes = KnownCodes::find(context, &params).await?;
    let queries = queries(context, &params, &codes)?;
    if wants_plan {
        return explain(context, &queries).await;
    }
    let Some(first) = queries.first() else { return Ok(empty(context)) };
    let shape = Shape::of_query(first);
    check_shape(&shape, &params)?;
    let path = path_of(context);
    let search = encoded(&first.self_params);
    let binding = Binding { weir, token_hash: &context.caller.token_hash, search: &format!("{path}?{search}") };
    let (as_of, after) = match &page_text {
        Some(text) => position(text, &binding)?,
        None => (None, None),
    };
    let limits = weir.settings.limits;
    let count = first.count.unwrap_or(limits.page_count_default).min(limits.page_count_max);
    let only_count = first.summary == Summary::Count || count == 0;
    let page = Page { as_of, after, count: if only_count { 0 } else { count } };
    let result = weir.store.search_types(context.grant, &queries, page).await?;

    let url = |page: Option<String>| self_url(context, &path, &search, page);
    let mut writer = BundleWriter::new("searchset");
    if let Some(total) = result.total {
        writer = writer.total(total);
    }
    writer = writer.link("self", &url(page_text));
    if let (Some(next), false) = (&result.next, only_count) {
        writer = writer.link("next", &url(Some(page_link::seal(&(result.as_of.0, next.encode()), &binding)?)));
    }
    // The store has filtered; what is refused here all the same is left out.
    let matches: Vec<Released> =
        result.matches.into_iter().filter_map(|version| policy::release(context.grant, version).ok()).collect();
    let (included, mut notices) = include::included(context, &first.includes, (&matches, result.as_of)).await?;
    let mut touched = codes.touched;
    for (mode, list) in [("match", &matches), ("include", &included)] {
        for released in list {
            write_entry(context, &mut writer, (released, mode, &shape))?;
            touched.add(released.facts());
        }
    }
    notices.extend(first.notices.iter().cloned());
    add_notices(&mut writer, &notices);
    let mut answer = Answer::json(Outcome::Ok, writer.finish());
    answer.touched = touched;
    Ok(answer)
}

/// Takes a parameter out.
fn take(params: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let place = params.iter().position(|(known, _)| known == name)?;
    Some(params.remove(place).1)
}

/// One query for each type that is searched.
fn queries(context: &Context<'_>, params: &[(String, String)], codes: &KnownCodes) -> Result<Vec<Query>, Failure> {
    let (weir, request) = (context.weir, context.request);
    let options = Options {
        handling: request.conditions.handling,
        base_url: Some(weir.settings.base_url.clone()),
        terminology: Some(codes),
        ..Options::default()
    };
    let types = types_of(context, params)?;
    if types.is_empty() {
        return Ok(Vec::new());
    }
    let mut queries = search::parse_types(&types, params, &weir.registry(), &options).map_err(Failure::bad_search)?;
    if let Some((compartment, id)) = &request.compartment {
        for query in &mut queries {
            let condition = search::compartment_condition(compartment, id, &query.type_name, &weir.registry());
            let missing = || {
                let message = format!("resources of type {} are in no {compartment} compartment", query.type_name);
                Failure::new(Reason::NotFound, "not-supported", message)
            };
            query.conditions.insert(0, condition.ok_or_else(missing)?);
        }
    }
    Ok(queries)
}

/// The types that are searched: that of the path, those of `_type`, else all that the caller may search.
fn types_of(context: &Context<'_>, params: &[(String, String)]) -> Result<Vec<String>, Failure> {
    let (weir, request) = (context.weir, context.request);
    if request.interaction != Interaction::SearchSystem {
        return Ok(vec![request.type_str().to_owned()]);
    }
    if let Some(named) = search::types_of(params, &weir.registry()).map_err(Failure::bad_search)? {
        return Ok(named);
    }
    let searchable = &context.grant.predicate().searchable;
    let is_there = |name: &&String| {
        searchable.contains(name)
            && request.compartment.as_ref().is_none_or(|(compartment, id)| {
                search::compartment_condition(compartment, id, name, &weir.registry()).is_some()
            })
    };
    Ok(weir.definitions.resource_types().iter().filter(is_there).cloned().collect())
}

/// A search over no type at all.
fn empty(context: &Context<'_>) -> Answer {
    let url = self_url(context, &path_of(context), "", None);
    Answer::json(Outcome::Ok, BundleWriter::new("searchset").total(0).link("self", &url).finish())
}

/// How the search would be answered. It tells how many rows there are of what, whoever they are about.
async fn explain(context: &Context<'_>, queries: &[Query]) -> Result<Answer, Failure> {
    if !context.caller.subject.is_administrator() {
        let message = "`_explain` is for administrators: it needs the scope `weir/administrator`";
        return Err(policy::Denied::new("scope-missing", message).into());
    }
    let mut issues = Vec::new();
    for query in queries {
        for line in context.weir.store.explain(context.grant, query).await? {
            issues.push(Issue::information("informational", format!("{}: {line}", query.type_name)));
        }
    }
    Ok(Answer::outcome(Outcome::Ok, &issues))
}

/// The path of the search below the base.
fn path_of(context: &Context<'_>) -> String {
    let request = context.request;
    let member = if request.interaction == Interaction::SearchSystem { "*" } else { request.type_str() };
    match &request.compartment {
        Some((compartment, id)) => format!("{compartment}/{id}/{member}"),
        None if member == "*" => String::new(),
        None => member.to_owned(),
    }
}

fn write_entry(
    context: &Context<'_>,
    writer: &mut BundleWriter,
    (released, mode, shape): (&Released, &str, &Shape),
) -> Result<(), Failure> {
    let facts = released.facts();
    let full_url = format!("{}/{}/{}", context.weir.settings.base_url, facts.type_name, facts.id);
    writer.entry(&BundleEntry {
        full_url: Some(&full_url),
        resource: Some(&shape.apply(released.bytes(), &context.weir.definitions)?),
        search_mode: Some(mode),
        ..BundleEntry::default()
    });
    Ok(())
}

/// R4 has no text summary of included resources. <https://hl7.org/fhir/R4/search.html#summary>
fn check_shape(shape: &Shape, params: &[(String, String)]) -> Result<(), Failure> {
    let is_include = |(name, _): &(String, String)| matches!(name.split(':').next(), Some("_include" | "_revinclude"));
    if shape.is_text() && params.iter().any(is_include) {
        let message = "`_summary=text` cannot be asked for together with `_include` or `_revinclude`";
        return Err(Failure::bad_param("_summary", "invalid", message));
    }
    Ok(())
}

/// The state that is searched and where the page before ended.
fn position(text: &str, binding: &Binding<'_>) -> Result<(Option<CommitSeq>, Option<Cursor>), Failure> {
    let (as_of, cursor): (i64, String) = page_link::open(text, binding)?;
    let cursor = Cursor::decode(&cursor).ok_or_else(Failure::internal)?;
    Ok((Some(CommitSeq(as_of)), Some(cursor)))
}

/// What was left out is said in an entry of its own.
fn add_notices(writer: &mut BundleWriter, notices: &[Issue]) {
    if notices.is_empty() {
        return;
    }
    let outcome = fhir::operation_outcome(notices).to_string();
    writer.entry(&BundleEntry {
        resource: Some(outcome.as_bytes()),
        search_mode: Some("outcome"),
        ..BundleEntry::default()
    });
}

fn self_url(context: &Context<'_>, path: &str, search: &str, page: Option<String>) -> String {
    let mut url = context.weir.settings.base_url.clone();
    if !path.is_empty() {
        url.push('/');
        url.push_str(path);
    }
    let page = page.map(|page| encoded(&[(page_link::PARAMETER.to_owned(), page)]));
    let parts: Vec<&str> =
        [Some(search), page.as_deref()].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if !parts.is_empty() {
        url.push('?');
        url.push_str(&parts.join("&"));
    }
    url
}

/// Parameters as they stand in a URL.
pub(crate) fn encoded(params: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

impl Failure {
    /// A search that cannot be understood or, understood, is more than one may ask for.
    pub(crate) fn bad_search(issues: Vec<Issue>) -> Failure {
        let is_too_costly = issues.iter().all(|issue| issue.code == "too-costly");
        Failure::with_issues(if is_too_costly { Reason::TooCostly } else { Reason::BadRequest }, issues)
    }
}
