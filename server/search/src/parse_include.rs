//! `_include` and `_revinclude`. <https://hl7.org/fhir/R4/search.html#include>

use crate::param::{Kind, Param};
use crate::parse::{Refusal, not_supported, shown, too_costly};
use crate::parse_condition::Reader;
use crate::query::{Include, Query};

/// Takes the parameter into the queries that it can give something to, if it is one of these.
pub(crate) fn take(name: &str, value: &str, queries: &mut [Query], reader: &Reader<'_>) -> Result<bool, Refusal> {
    let (code, modifier) = match name.split_once(':') {
        Some((code, modifier)) => (code, Some(modifier)),
        None => (name, None),
    };
    let is_reverse = match code {
        "_include" => false,
        "_revinclude" => true,
        _ => return Ok(false),
    };
    let is_iterated = match modifier {
        None => false,
        Some("iterate") => true,
        Some("recurse") => {
            return Err(not_supported(format!("`{code}:recurse` is `{code}:iterate` in R4")));
        }
        Some(other) => return Err(not_supported(format!("modifier {} is not supported for `{code}`", shown(other)))),
    };
    let mut includes = Vec::new();
    for (at, query) in queries.iter().enumerate() {
        let include = Include { is_iterated, ..read(code, value, query, is_reverse, reader)? };
        // What is included may refer on, whatever its type; a match is of the type that is searched.
        if is_iterated || can_follow(&include, query, reader) {
            check_breadth(query, &include, reader)?;
            includes.push((at, include));
        }
    }
    let is_taken = !includes.is_empty();
    for (at, include) in includes {
        if let Some(query) = queries.get_mut(at) {
            query.includes.push(include);
        }
    }
    if is_taken {
        return Ok(true);
    }
    let types: Vec<&str> = queries.iter().map(|query| query.type_name.as_str()).collect();
    let types = types.join(" or ");
    Err(not_supported(if is_reverse {
        format!("`{code}`: that parameter does not refer to {types}")
    } else {
        format!("`{code}`: its type is not {types}; what is included is followed with `{code}:iterate`")
    }))
}

fn check_breadth(query: &Query, next: &Include, reader: &Reader<'_>) -> Result<(), Refusal> {
    let most = reader.options.limits.includes_max;
    let breadth: usize = query.includes.iter().chain([next]).map(|include| include.params.len()).sum();
    if breadth > most {
        return Err(too_costly(format!("`_include` and `_revinclude` follow at most {most} parameters together")));
    }
    Ok(())
}

fn can_follow(include: &Include, query: &Query, reader: &Reader<'_>) -> bool {
    if !include.is_reverse {
        return include.source_type == query.type_name;
    }
    let mut params = include.params.iter().filter_map(|id| reader.registry.by_id(*id));
    params.any(|param| param.may_refer_to(&query.type_name))
}

/// `Type:parameter`, `Type:parameter:Target`, `Type:*` or, of the searched type, `*` or `*:*`.
fn read(code: &str, value: &str, query: &Query, is_reverse: bool, reader: &Reader<'_>) -> Result<Include, Refusal> {
    let mut parts = value.split(':');
    let (source_type, wanted, target) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("*"), None | Some("*"), None, None) if is_reverse => {
            return Err(too_costly("`_revinclude=*` would look through every type; name one: `Type:*`".to_owned()));
        }
        (Some("*"), None | Some("*"), None, None) => (query.type_name.as_str(), "*", None),
        (Some(source_type), Some(wanted), target, None) => (source_type, wanted, target.filter(|t| !t.is_empty())),
        _ => return Err(not_supported(format!("`{code}` is written `Type:parameter` or `Type:parameter:Target`"))),
    };
    let is_type = |name: &str| reader.registry.definitions().is_resource_type(name);
    if let Some(other) = [Some(source_type), target].into_iter().flatten().find(|name| !is_type(name)) {
        return Err(not_supported(format!("`{code}`: {} is not a resource type", shown(other))));
    }
    let params: Vec<&Param> = if wanted == "*" {
        let refers =
            |param: &&Param| param.kind == Kind::Reference && target.is_none_or(|target| param.may_refer_to(target));
        reader.registry.params_of(source_type).filter(refers).collect()
    } else {
        let param = reader.reference_param(source_type, wanted)?;
        if let Some(target) = target.filter(|target| !param.may_refer_to(target)) {
            return Err(not_supported(format!("`{code}`: `{wanted}` of {source_type} does not refer to {target}")));
        }
        vec![param]
    };
    Ok(Include {
        source_type: source_type.to_owned(),
        params: params.into_iter().map(|param| param.id).collect(),
        target_type: target.map(str::to_owned),
        is_reverse,
        is_iterated: false,
    })
}
