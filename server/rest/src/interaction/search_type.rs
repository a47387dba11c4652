//! `GET [base]/[type]?...` and `POST [base]/[type]/_search`. <https://hl7.org/fhir/R4/search.html>

use fhir::{BundleEntry, BundleWriter, Issue};
use search::{Options, Query, Summary};
use store::{CommitSeq, Cursor, Page};

use crate::answer::{Answer, Outcome, Touched};
use crate::failure::Failure;
use crate::page_link::{self, Binding};
use crate::perform::Context;
use crate::shape::Shape;

/// The matches that the caller may see, one page.
pub(crate) async fn search_type(context: &Context<'_>) -> Result<Answer, Failure> {
    let weir = context.weir;
    let type_name = context.request.type_str();
    let (page_texts, params): (Vec<_>, Vec<_>) =
        context.request.params.iter().cloned().partition(|(name, _)| name == page_link::PARAMETER);
    let options = Options {
        handling: context.request.conditions.handling,
        base_url: Some(weir.settings.base_url.clone()),
        ..Options::default()
    };
    let query = search::parse(type_name, &params, &weir.registry, &options).map_err(Failure::bad_search)?;
    let shape = Shape::of_query(&query);
    check_shape(&shape, &params)?;
    let search = encoded(&query.self_params);
    let binding = Binding { weir, token_hash: &context.caller.token_hash, search: &format!("{type_name}?{search}") };
    let (as_of, after) = match page_texts.first() {
        Some((_, text)) => position(text, &binding)?,
        None => (None, None),
    };
    let count = query.count.unwrap_or(weir.settings.limits.page_count_default).min(weir.settings.limits.page_count_max);
    let only_count = query.summary == Summary::Count || count == 0;
    let page = Page { as_of, after, count: if only_count { 0 } else { count } };
    let result = weir.store.search(context.grant, &query, page).await?;

    let url = |extra: Option<String>| self_url(context, type_name, &search, extra);
    let mut writer = BundleWriter::new("searchset");
    if let Some(total) = result.total {
        writer = writer.total(total);
    }
    writer = writer.link("self", &url(page_texts.first().map(|(_, text)| text.clone())));
    if let (Some(next), false) = (&result.next, only_count) {
        writer = writer.link("next", &url(Some(page_link::seal(&(result.as_of.0, next.encode()), &binding)?)));
    }
    let mut touched = Touched::default();
    for version in result.matches {
        // The store has filtered; what is refused here all the same is left out.
        let Ok(released) = policy::release(context.grant, version) else { continue };
        let full_url = format!("{}/{}/{}", weir.settings.base_url, released.facts().type_name, released.facts().id);
        writer.entry(&BundleEntry {
            full_url: Some(&full_url),
            resource: Some(&shape.apply(released.bytes(), &weir.definitions)?),
            search_mode: Some("match"),
            ..BundleEntry::default()
        });
        touched.add(released.facts());
    }
    add_notices(&mut writer, &query);
    let mut answer = Answer::json(Outcome::Ok, writer.finish());
    answer.touched = touched;
    Ok(answer)
}

/// R4 has no text summary of included resources. <https://hl7.org/fhir/R4/search.html#summary>
fn check_shape(shape: &Shape, params: &[(String, String)]) -> Result<(), Failure> {
    let is_include = |(name, _): &(String, String)| matches!(name.split(':').next(), Some("_include" | "_revinclude"));
    if shape.is_text() && params.iter().any(is_include) {
        let message = "`_summary=text` cannot be asked for together with `_include` or `_revinclude`";
        return Err(Failure::bad_request("invalid", message));
    }
    Ok(())
}

/// The state that is searched and where the page before ended.
fn position(text: &str, binding: &Binding<'_>) -> Result<(Option<CommitSeq>, Option<Cursor>), Failure> {
    let (as_of, cursor): (i64, String) = page_link::open(text, binding)?;
    let cursor = Cursor::decode(&cursor).ok_or_else(Failure::internal)?;
    Ok((Some(CommitSeq(as_of)), Some(cursor)))
}

/// What a lenient search left out is said in an entry of its own.
fn add_notices(writer: &mut BundleWriter, query: &Query) {
    if query.notices.is_empty() {
        return;
    }
    let outcome = fhir::operation_outcome(&query.notices).to_string();
    writer.entry(&BundleEntry {
        resource: Some(outcome.as_bytes()),
        search_mode: Some("outcome"),
        ..BundleEntry::default()
    });
}

fn self_url(context: &Context<'_>, type_name: &str, search: &str, page: Option<String>) -> String {
    let mut url = format!("{}/{type_name}", context.weir.settings.base_url);
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
    /// A search that cannot be understood.
    pub(crate) fn bad_search(issues: Vec<Issue>) -> Failure {
        Failure::with_issues(crate::failure::Reason::BadRequest, issues)
    }
}
