//! Modifiers, as far as each kind of parameter has them. <https://hl7.org/fhir/R4/search.html#modifiers>

use crate::codes::Relation;
use crate::index::is_column;
use crate::param::{Kind, Param};
use crate::parse::{Refusal, firmly_not_supported, shown, wrong};
use crate::query::Modifier;
use crate::registry::Registry;

/// How the values of a parameter are read.
pub(crate) enum Read {
    /// As they are.
    Plain(Modifier),
    /// Not at all.
    Missing(bool),
    /// Through the terminology.
    Codes(Relation),
    /// As URIs, with all above them.
    Above,
}

/// Reads a modifier.
pub(crate) fn read(param: &Param, modifier: Option<&str>, value: &str, registry: &Registry) -> Result<Read, Refusal> {
    let Some(modifier) = modifier else { return Ok(Read::Plain(Modifier::None)) };
    if is_column(&param.url) {
        return Err(refused(param, modifier, ""));
    }
    Ok(match (modifier, param.kind) {
        ("missing", kind) if kind != Kind::Composite => return missing(param, value),
        ("exact", Kind::String) => Read::Plain(Modifier::Exact),
        ("contains", Kind::String) => Read::Plain(Modifier::Contains),
        ("text", Kind::Token) => Read::Plain(Modifier::Text),
        ("not", Kind::Token) => Read::Plain(Modifier::Not),
        ("of-type", Kind::Token) => Read::Plain(Modifier::OfType),
        ("in", Kind::Token) => Read::Codes(Relation::In),
        ("not-in", Kind::Token) => Read::Codes(Relation::NotIn),
        ("above", Kind::Token) => Read::Codes(Relation::Above),
        ("below", Kind::Token) => Read::Codes(Relation::Below),
        ("identifier", Kind::Reference) => Read::Plain(Modifier::Identifier),
        ("above", Kind::Uri) => Read::Above,
        ("below", Kind::Uri) => Read::Plain(Modifier::Below),
        ("above" | "below", Kind::Reference) => {
            return Err(refused(param, modifier, ": hierarchies of resources and ranges of versions are not searched"));
        }
        (name, Kind::Reference) if registry.definitions().is_resource_type(name) => {
            Read::Plain(Modifier::Type(name.to_owned()))
        }
        _ => return Err(refused(param, modifier, "")),
    })
}

fn missing(param: &Param, value: &str) -> Result<Read, Refusal> {
    match value {
        "true" => Ok(Read::Missing(true)),
        "false" => Ok(Read::Missing(false)),
        _ => Err(wrong("invalid", format!("`{}:missing` is `true` or `false`", param.code))),
    }
}

/// R4 wants a search refused whose modifier is not supported: without `:not` a filter would mean its opposite, so lenient handling does not
/// leave it out.
fn refused(param: &Param, modifier: &str, why: &str) -> Refusal {
    let (code, kind, modifier) = (&param.code, param.kind.code(), shown(modifier));
    firmly_not_supported(format!(
        "modifier {modifier} is not supported for search parameter `{code}` of kind {kind}{why}"
    ))
}
