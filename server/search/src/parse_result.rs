//! Parameters that shape the answer. <https://hl7.org/fhir/R4/search.html#return>

use crate::index::{ID_URL, LAST_UPDATED_URL};
use crate::parse::{Refusal, not_supported, shown, wrong};
use crate::query::{Direction, Query, SortKey, Summary, Total};
use crate::registry::Registry;

/// Takes the parameter if it is one of these.
pub(crate) fn take(name: &str, value: &str, query: &mut Query, registry: &Registry) -> Result<bool, Refusal> {
    match name {
        "_count" => {
            once(name, query.count.is_some())?;
            query.count = Some(value.parse().map_err(|_| wrong("invalid", "`_count` is a whole number".into()))?);
            // R4: a count of zero asks for the total only.
            if query.count == Some(0) {
                query.summary = Summary::Count;
            }
        }
        "_sort" => {
            once(name, !query.sort.is_empty())?;
            for key in value.split(',') {
                let key = sort_key(key, &query.type_name, registry)?;
                query.sort.push(key);
            }
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
            query.summary = match value {
                "false" => Summary::False,
                "true" => Summary::True,
                "text" => Summary::Text,
                "data" => Summary::Data,
                "count" => Summary::Count,
                _ => {
                    return Err(wrong("invalid", "`_summary` is `true`, `text`, `data`, `count` or `false`".into()));
                }
            };
        }
        "_elements" => elements(value, query, registry)?,
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
            return Err(not_supported(format!("search parameter `{name}` is not supported yet")));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn once(name: &str, is_set: bool) -> Result<(), Refusal> {
    if is_set { Err(wrong("invalid", format!("`{name}` is given twice"))) } else { Ok(()) }
}

fn elements(value: &str, query: &mut Query, registry: &Registry) -> Result<(), Refusal> {
    let definition = registry.definitions().type_named(&query.type_name);
    for name in value.split(',') {
        // `Patient.name` is allowed in searches over several types.
        let name = name.split_once('.').map_or(
            name,
            |(type_name, rest)| {
                if type_name == query.type_name { rest } else { name }
            },
        );
        if definition.and_then(|definition| definition.child(name)).is_none() {
            let (name, type_name) = (shown(name), &query.type_name);
            return Err(wrong("invalid", format!("`_elements`: {name} is not an element of {type_name}")));
        }
        query.elements.push(name.to_owned());
    }
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
    let key = match param.url.as_str() {
        ID_URL => SortKey::Id,
        LAST_UPDATED_URL => SortKey::LastUpdated,
        _ => SortKey::Param(param.id, param.kind),
    };
    Ok((key, direction))
}
