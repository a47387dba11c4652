//! Interactions on what a search finds: conditional create, update, patch and delete. <https://hl7.org/fhir/R4/http.html#cond-update>

use std::collections::BTreeSet;

use policy::Interaction;
use search::{Options, Query};
use store::{Criteria, ExpectedMatches, Page};

use crate::failure::{Failure, Reason};
use crate::headers::Conditions;
use crate::perform::Context;
use crate::query_text;

/// How often a write that another writer was faster than is decided anew.
const ATTEMPTS_MAX: u32 = 8;

/// What a search found when a write was decided upon.
pub(super) struct Found {
    /// Logical ids of the matches; the only one, when the interaction is on one resource.
    pub ids: Vec<String>,
    /// Makes the write fail when a search would find more or less by then; none where the path names the resource.
    pub expected: Vec<ExpectedMatches>,
}

impl Found {
    /// The id that a path names.
    pub(super) fn named(id: &str) -> Found {
        Found { ids: vec![id.to_owned()], expected: Vec::new() }
    }

    /// Lets the write happen only while there is no resource of the id; whether there is none now.
    pub(super) async fn expect_absent(&mut self, context: &Context<'_>, id: &str) -> Result<bool, Failure> {
        let Criteria { query, grant } = by_id(context, id)?;
        let is_absent = matching(context, &query, 1).await?.is_empty();
        self.expected.push(ExpectedMatches { query, grant, count: 0 });
        Ok(is_absent)
    }
}

fn by_id(context: &Context<'_>, id: &str) -> Result<Criteria, Failure> {
    criteria(context, context.request.type_str(), &[("_id".to_owned(), id.to_owned())])
}

/// Ids of the request's type that are deleted before the criteria are looked at, in the same transaction.
pub(super) type Gone = BTreeSet<String>;

/// Finds what the criteria of the URL match, at most `most`; more are a 412.
pub(super) async fn find(context: &Context<'_>, most: u32, gone: &Gone) -> Result<Found, Failure> {
    find_by(context, context.request.type_str(), url_params(context), most, gone).await
}

/// The criteria of the URL.
pub(super) fn of_url(context: &Context<'_>) -> Result<Criteria, Failure> {
    criteria(context, context.request.type_str(), &url_params(context))
}

fn url_params(context: &Context<'_>) -> Vec<(String, String)> {
    let is_criterion = |(name, _): &&(String, String)| !matches!(name.as_str(), "_format" | "_pretty");
    context.request.params.iter().filter(is_criterion).cloned().collect()
}

/// Finds what a reference by search matches, at most `most`; more are a 412.
pub(super) async fn find_of(context: &Context<'_>, type_name: &str, text: &str, most: u32) -> Result<Found, Failure> {
    find_by(context, type_name, params_of(text)?, most, &Gone::new()).await
}

/// The criteria of a reference.
pub(super) fn criteria_of(context: &Context<'_>, type_name: &str, text: &str) -> Result<Criteria, Failure> {
    criteria(context, type_name, &params_of(text)?)
}

/// The criteria of `If-None-Exist`, when it was given.
pub(super) fn if_none_exist(context: &Context<'_>) -> Result<Option<Criteria>, Failure> {
    let text = context.request.conditions.if_none_exist.as_deref();
    let read = |text| criteria_of(context, context.request.type_str(), text);
    text.map(read).transpose().map_err(|failure| failure.of_header("If-None-Exist"))
}

/// Some clients send the whole relative URL, some the query alone.
fn params_of(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let text = match text.split_once('?') {
        // A question mark in a value is none that begins a query.
        Some((path, query)) if !path.contains('=') => query,
        _ => text,
    };
    query_text::params(text.as_bytes())
}

async fn find_by(
    context: &Context<'_>,
    type_name: &str,
    mut params: Vec<(String, String)>,
    most: u32,
    gone: &Gone,
) -> Result<Found, Failure> {
    let Criteria { query, grant } = criteria(context, type_name, &params)?;
    let mut ids = matching(context, &query, most.saturating_add(count_of(gone))).await?;
    let count = ids.len();
    let mut expected = vec![ExpectedMatches { query, grant, count }];
    if count > 0 {
        // As many as there were could be others by then.
        params.push(("_id".to_owned(), ids.join(",")));
        let Criteria { query, grant } = criteria(context, type_name, &params)?;
        expected.push(ExpectedMatches { query, grant, count });
    }
    ids.retain(|id| !gone.contains(id));
    if ids.len() > most as usize {
        return Err(several());
    }
    Ok(Found { ids, expected })
}

fn count_of(gone: &Gone) -> u32 {
    u32::try_from(gone.len()).unwrap_or(u32::MAX)
}

/// The one match of a conditional create, with its version.
pub(super) async fn existing(
    context: &Context<'_>,
    query: &Query,
    gone: &Gone,
) -> Result<Option<(String, u64)>, Failure> {
    let mut found = matches(context, query, 1_u32.saturating_add(count_of(gone))).await?;
    found.retain(|(id, _)| !gone.contains(id));
    if found.len() > 1 {
        return Err(several());
    }
    Ok(found.pop())
}

/// The ids of what the caller may find, at most `most`.
pub(super) async fn matching(context: &Context<'_>, query: &Query, most: u32) -> Result<Vec<String>, Failure> {
    Ok(matches(context, query, most).await?.into_iter().map(|(id, _)| id).collect())
}

async fn matches(context: &Context<'_>, query: &Query, most: u32) -> Result<Vec<(String, u64)>, Failure> {
    let grant = crate::access::also(context.caller, Interaction::SearchType, &query.type_name)?;
    let page = Page { count: most.saturating_add(1), ..Page::default() };
    let found = context.weir.store.search(&grant, query, page).await?.matches;
    if found.len() > most as usize {
        return Err(several());
    }
    Ok(found.iter().map(|version| (version.facts().id.clone(), version.facts().version)).collect())
}

/// More match than the interaction takes.
pub(super) fn several() -> Failure {
    let message = "more resources match the criteria than this interaction takes";
    Failure::new(Reason::PreconditionFailed, "multiple-matches", message)
}

/// Runs a write that is decided upon what is stored, again when another writer changed that in between. A caller who named the version
/// that must be current decides by itself.
pub(super) async fn decided_anew<T>(
    conditions: &[&Conditions],
    write: impl AsyncFn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let is_lost = |failure: &Failure| failure.issues.iter().any(|issue| issue.code == "conflict");
    let is_version_named = conditions.iter().any(|conditions| conditions.if_match.is_some());
    let attempts = if is_version_named { 1 } else { ATTEMPTS_MAX };
    for _ in 1..attempts {
        match write().await {
            Err(failure) if is_lost(&failure) => {}
            other => return other,
        }
    }
    match write().await {
        Err(failure) if attempts > 1 && is_lost(&failure) => Err(Failure { reason: Reason::Conflict, ..failure }),
        other => other,
    }
}

/// Reads criteria, as strictly as can be: one that is left out would match what was not meant. The caller must be allowed to search,
/// since the answer tells whether a match exists.
fn criteria(context: &Context<'_>, type_name: &str, params: &[(String, String)]) -> Result<Criteria, Failure> {
    let grant = crate::access::also(context.caller, Interaction::SearchType, type_name)?;
    let options = Options { base_url: Some(context.weir.settings.base_url.clone()), ..Options::default() };
    let query = search::parse(type_name, params, &context.weir.registry(), &options).map_err(Failure::bad_search)?;
    if query.conditions.is_empty() {
        return Err(Failure::bad_request("required", "a conditional interaction needs search criteria"));
    }
    Ok(Criteria { query, grant })
}
