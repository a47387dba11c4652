//! What comes along with the matches: `_include` and `_revinclude`. <https://hl7.org/fhir/R4/search.html#include>
//!
//! References are read from what was released, so that what was redacted leads nowhere; what they lead to passes the grant like a read.

use std::collections::BTreeSet;

use fhir::{Issue, Json};
use policy::{Released, Version};
use search::{Include, IndexValue};
use store::CommitSeq;

use crate::failure::{Failure, Reason};
use crate::perform::Context;

/// Resources that may come along with one page.
const INCLUDED_MAX: usize = 1_000;
/// Resources read at a time: no more than these are read in vain when a page has too many.
const READ_MAX: usize = 250;
/// How often `:iterate` goes on from what was included.
const ROUNDS_MAX: usize = 8;

/// Type and id.
type Name = (String, String);

/// What the includes bring for these matches, each once and none of the matches; what had to be left out is said as issues.
pub(crate) async fn included(
    context: &Context<'_>,
    includes: &[Include],
    (matches, as_of): (&[Released], CommitSeq),
) -> Result<(Vec<Released>, Vec<Issue>), Failure> {
    let mut known: BTreeSet<Name> = matches.iter().map(name_of).collect();
    let mut found: Vec<Released> = Vec::new();
    let mut notices = Vec::new();
    // From which place of `found` on the next round goes; the first goes from the matches.
    let mut begin = 0;
    for round in 0..ROUNDS_MAX {
        let from: &[Released] = if round == 0 { matches } else { found.get(begin..).unwrap_or_default() };
        if from.is_empty() {
            break;
        }
        let mut fresh = Vec::new();
        for include in includes.iter().filter(|include| round == 0 || include.is_iterated) {
            if include.is_reverse {
                let versions = referrers(context, include, from, &mut notices).await?;
                take(context, versions, &mut known, &mut fresh);
                check_count(found.len() + fresh.len())?;
                continue;
            }
            let names = targets(context, include, from)?;
            let names: Vec<Name> = names.into_iter().filter(|name| !known.contains(name)).collect();
            for names in names.chunks(READ_MAX) {
                take(context, context.weir.store.read_at(context.grant, names, as_of).await?, &mut known, &mut fresh);
                check_count(found.len() + fresh.len())?;
            }
        }
        begin = found.len();
        found.extend(fresh);
    }
    Ok((found, notices))
}

/// Takes what may be given out and is not there yet.
fn take(context: &Context<'_>, versions: Vec<Version>, known: &mut BTreeSet<Name>, fresh: &mut Vec<Released>) {
    for released in versions.into_iter().filter_map(|version| policy::release(context.grant, version).ok()) {
        if known.insert(name_of(&released)) {
            fresh.push(released);
        }
    }
}

fn check_count(count: usize) -> Result<(), Failure> {
    if count <= INCLUDED_MAX {
        return Ok(());
    }
    let message = format!(
        "more than {INCLUDED_MAX} resources would come along with this page; ask for a smaller `_count` or for less to include"
    );
    Err(Failure::new(Reason::TooCostly, "too-costly", message))
}

fn name_of(released: &Released) -> Name {
    (released.facts().type_name.clone(), released.facts().id.clone())
}

/// What the resources of the include's type refer to by its parameters.
fn targets(context: &Context<'_>, include: &Include, from: &[Released]) -> Result<BTreeSet<Name>, Failure> {
    let mut names = BTreeSet::new();
    for released in from.iter().filter(|released| released.facts().type_name == include.source_type) {
        let json = Json::parse(released.bytes()).map_err(|_| Failure::internal())?;
        for entry in search::index(&json, &context.weir.registry()) {
            if !include.params.contains(&entry.param) {
                continue;
            }
            let IndexValue::Reference { type_name: Some(type_name), id: Some(id), url: None } = entry.value else {
                continue;
            };
            if include.target_type.as_ref().is_none_or(|wanted| *wanted == type_name) {
                names.insert((type_name, id));
            }
        }
    }
    Ok(names)
}

/// What refers to the resources; nothing, and a word, where the token does not reach that type.
async fn referrers(
    context: &Context<'_>,
    include: &Include,
    from: &[Released],
    notices: &mut Vec<Issue>,
) -> Result<Vec<Version>, Failure> {
    let wanted = |name: &Name| include.target_type.as_ref().is_none_or(|wanted| *wanted == name.0);
    let names: Vec<Name> = from.iter().map(name_of).filter(wanted).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let of = (include.source_type.as_str(), include.params.as_slice());
    match context.weir.store.referrers(context.grant, of, &names, INCLUDED_MAX + 1).await {
        Ok(versions) => Ok(versions),
        Err(store::StoreError::Denied(_)) => {
            let message = format!("left out: the token does not reach {}", include.source_type);
            notices.push(Issue::warning("suppressed", message));
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}
