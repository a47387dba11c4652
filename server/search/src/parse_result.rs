//! Parameters that shape the answer. <https://hl7.org/fhir/R4/search.html#return>

use fhir::Issue;

use crate::param::Kind;
use crate::parse::{Refusal, not_supported, shown, too_costly, wrong};
use crate::parse_condition::{Reader, column};
use crate::query::{Direction, FilterParam, Query, SortKey, Summary, Total};
use crate::registry::Registry;

/// The types that `_type` names in a search over all types, in their order; `None` without it.
pub fn types_of(params: &[(String, String)], registry: &Registry) -> Result<Option<Vec<String>>, Vec<Issue>> {
    let mut given = params.iter().filter(|(name, _)| name == "_type");
    let Some((_, value)) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(vec![Issue::error("invalid", "`_type` is given twice")]);
    }
    let mut types = Vec::new();
    for name in value.split(',') {
        if !registry.definitions().is_resource_type(name) {
            return Err(vec![Issue::error("invalid", format!("`_type`: {} is not a resource type", shown(name)))]);
        }
        if !types.iter().any(|known| known == name) {
            types.push(name.to_owned());
        }
    }
    Ok(Some(types))
}

/// Takes `_type`, which has to name types that are searched.
pub(crate) fn take_type(name: &str, value: &str, types: &[String], reader: &Reader<'_>) -> Result<bool, Refusal> {
    if name != "_type" {
        return Ok(false);
    }
    let pair = [(name.to_owned(), value.to_owned())];
    let named = types_of(&pair, reader.registry).map_err(|mut issues| {
        let issue = issues.pop().unwrap_or_else(|| Issue::error("invalid", "`_type` is not a list of types"));
        Refusal::Wrong(Box::new(issue))
    })?;
    match named.iter().flatten().find(|name| !types.contains(name)) {
        Some(other) => Err(wrong("invalid", format!("`_type`: {other} is not what is searched"))),
        None => Ok(true),
    }
}

/// Takes the parameter into all queries if it is one of these.
pub(crate) fn take(name: &str, value: &str, queries: &mut [Query], reader: &Reader<'_>) -> Result<bool, Refusal> {
    match name {
        "_elements" => {
            elements(value, queries, reader.registry)?;
            return Ok(true);
        }
        "_sort" => {
            sort(value, queries, reader)?;
            return Ok(true);
        }
        _ => {}
    }
    // The others mean the same whatever the type: what the first query takes, all take.
    for query in queries {
        if !take_one(name, value, query)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn take_one(name: &str, value: &str, query: &mut Query) -> Result<bool, Refusal> {
    match name {
        "_count" => {
            once(name, query.count.is_some())?;
            query.count = Some(value.parse().map_err(|_| wrong("invalid", "`_count` is a whole number".into()))?);
        }
        "_total" => {
            once(name, query.total != Total::Unspecified)?;
            query.total = match value {
                "none" => Total::None,
                "estimate" => Total::Estimate,
                "accurate" => Total::Accurate,
                _ => return Err(wrong("invalid", "`_total` is `none`, `estimate` or `accurate`".into())),
            };
        }
        "_summary" => {
            query.summary = Summary::parse(value).ok_or_else(|| wrong("invalid", Summary::WORDS.to_owned()))?;
        }
        "_format" => {
            once(name, query.format.is_some())?;
            query.format = Some(value.to_owned());
        }
        "_pretty" => {
            query.is_pretty = match value {
                "true" => true,
                "false" => false,
                _ => return Err(wrong("invalid", "`_pretty` is `true` or `false`".into())),
            };
        }
        "_contained" if value == "false" => {}
        "_contained" | "_containedType" | "_score" => {
            return Err(not_supported(format!(
                "search parameter `{name}` is not supported: contained resources are not searched, and matches have no score"
            )));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn once(name: &str, is_set: bool) -> Result<(), Refusal> {
    if is_set { Err(wrong("invalid", format!("`{name}` is given twice"))) } else { Ok(()) }
}

/// An element has to be one of a type that is searched, and is given for those that have it.
fn elements(value: &str, queries: &mut [Query], registry: &Registry) -> Result<(), Refusal> {
    let mut given: Vec<Vec<&str>> = vec![Vec::new(); queries.len()];
    for written in value.split(',') {
        let mut is_known = false;
        for (query, given) in queries.iter().zip(&mut given) {
            let name = match written.split_once('.') {
                // `Patient.name` is allowed in searches over several types.
                Some((type_name, rest)) if type_name == query.type_name => rest,
                _ => written,
            };
            let definition = registry.definitions().type_named(&query.type_name);
            if definition.and_then(|definition| definition.child(name)).is_some() {
                is_known = true;
                given.push(name);
            }
        }
        if !is_known {
            let types: Vec<&str> = queries.iter().map(|query| query.type_name.as_str()).collect();
            let (name, types) = (shown(written), types.join(" or "));
            return Err(wrong("invalid", format!("`_elements`: {name} is not an element of {types}")));
        }
    }
    for (query, given) in queries.iter_mut().zip(given) {
        // A type that has none of them gives only what it must.
        let given = if given.is_empty() && query.elements.is_empty() { vec!["id"] } else { given };
        query.elements.extend(given.into_iter().map(str::to_owned));
    }
    Ok(())
}

fn sort(value: &str, queries: &mut [Query], reader: &Reader<'_>) -> Result<(), Refusal> {
    once("_sort", queries.iter().any(|query| !query.sort.is_empty()))?;
    let most = reader.options.limits.sort_keys_max;
    if value.split(',').count() > most {
        return Err(too_costly(format!("`_sort` takes at most {most} keys")));
    }
    let keys = |query: &Query| value.split(',').map(|key| sort_key(key, &query.type_name, reader.registry)).collect();
    let keys = queries.iter().map(keys).collect::<Result<Vec<Vec<_>>, _>>()?;
    queries.iter_mut().zip(keys).for_each(|(query, keys)| query.sort = keys);
    Ok(())
}

fn sort_key(key: &str, type_name: &str, registry: &Registry) -> Result<(SortKey, Direction), Refusal> {
    let (code, direction) = match key.strip_prefix('-') {
        Some(code) => (code, Direction::Descending),
        None => (key, Direction::Ascending),
    };
    let Some(param) = registry.param(type_name, code) else {
        let code = shown(code);
        return Err(not_supported(format!("`_sort`: search parameter {code} is not defined for {type_name}")));
    };
    if matches!(param.kind, Kind::Composite | Kind::Special) {
        let kind = param.kind.code();
        return Err(not_supported(format!("`_sort`: search parameter `{code}` of kind {kind} gives no order")));
    }
    let key = match column(param) {
        FilterParam::Id => SortKey::Id,
        FilterParam::LastUpdated => SortKey::LastUpdated,
        FilterParam::Param(id, kind) => SortKey::Param(id, kind),
    };
    Ok((key, direction))
}
