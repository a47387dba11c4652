//! The query parser: name and value pairs to a [`Query`]. <https://hl7.org/fhir/R4/search.html>
//!
//! Messages name parameters and never repeat a value: values are personal data.

use fhir::Issue;

use crate::index::{ID_URL, LAST_UPDATED_URL};
use crate::param::{Kind, Param};
use crate::parse_result;
use crate::parse_value::{self, Reading};
use crate::query::{Condition, Filter, FilterParam, FilterValue, Modifier, Query, Summary, Total};
use crate::registry::Registry;
use crate::suggest;

/// What to do with a parameter that is not understood (`Prefer: handling=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handling {
    /// Refuse the search.
    #[default]
    Strict,
    /// Leave the parameter out and say so.
    Lenient,
}

/// Bounds of one search request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Parameters in one request.
    pub parameters_max: usize,
    /// ORed values of one parameter.
    pub values_max: usize,
    /// Length of one parameter's text.
    pub value_length_max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { parameters_max: 100, values_max: 500, value_length_max_bytes: 64 * 1024 }
    }
}

/// How a search request is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What to do with what is not understood.
    pub handling: Handling,
    /// Bounds.
    pub limits: Limits,
    /// The server's own base URL: an absolute reference below it is read as a relative one.
    pub base_url: Option<String>,
}

/// Why a parameter was not taken: only what is not understood may be left out under lenient handling.
pub(crate) enum Refusal {
    /// Unknown or not supported.
    NotUnderstood(Box<Issue>),
    /// Understood and wrong.
    Wrong(Box<Issue>),
}

/// Reads the parameters of a search for one type. Every faulty parameter gives an issue; none repeats a value.
pub fn parse(
    type_name: &str,
    params: &[(String, String)],
    registry: &Registry,
    options: &Options,
) -> Result<Query, Vec<Issue>> {
    let mut query = empty(type_name);
    if params.len() > options.limits.parameters_max {
        let most = options.limits.parameters_max;
        return Err(vec![Issue::error("too-costly", format!("a search takes at most {most} parameters"))]);
    }
    let mut issues = Vec::new();
    for (name, value) in params {
        match take(name, value, &mut query, registry, options) {
            Ok(()) => query.self_params.push((name.clone(), value.clone())),
            Err(Refusal::NotUnderstood(issue)) if options.handling == Handling::Lenient => {
                let diagnostics = format!("left out: {}", issue.diagnostics);
                query.notices.push(Issue { severity: fhir::Severity::Warning, diagnostics, ..*issue });
            }
            Err(Refusal::NotUnderstood(issue) | Refusal::Wrong(issue)) => issues.push(*issue),
        }
    }
    if issues.is_empty() { Ok(query) } else { Err(issues) }
}

fn empty(type_name: &str) -> Query {
    Query {
        type_name: type_name.to_owned(),
        conditions: Vec::new(),
        includes: Vec::new(),
        sort: Vec::new(),
        count: None,
        total: Total::Unspecified,
        summary: Summary::False,
        elements: Vec::new(),
        format: None,
        is_pretty: false,
        self_params: Vec::new(),
        notices: Vec::new(),
    }
}

fn take(name: &str, value: &str, query: &mut Query, registry: &Registry, options: &Options) -> Result<(), Refusal> {
    if value.len() > options.limits.value_length_max_bytes {
        return Err(wrong("too-long", format!("the value of {} is too long", shown(name))));
    }
    if parse_result::take(name, value, query, registry)? {
        return Ok(());
    }
    refuse_wider_search(name)?;
    let (code, modifier) = match name.split_once(':') {
        Some((code, modifier)) => (code, Some(modifier)),
        None => (name, None),
    };
    let Some(param) = registry.param(&query.type_name, code) else {
        return Err(unknown(code, &query.type_name, registry));
    };
    let modifier = read_modifier(param, modifier, registry)?;
    if value.is_empty() {
        return Err(wrong("invalid", format!("search parameter `{code}` has no value")));
    }
    let target = match param.url.as_str() {
        ID_URL => FilterParam::Id,
        LAST_UPDATED_URL => FilterParam::LastUpdated,
        _ => FilterParam::Param(param.id, param.kind),
    };
    let filter = match modifier {
        Modifier::Missing(_) => {
            let is_missing = match value {
                "true" => true,
                "false" => false,
                _ => return Err(wrong("invalid", format!("`{code}:missing` is `true` or `false`"))),
            };
            Filter { param: target, modifier: Modifier::Missing(is_missing), values: Vec::new() }
        }
        modifier => {
            let reading =
                Reading { param, target: &target, modifier: &modifier, base_url: options.base_url.as_deref() };
            let mut values = parse_value::values(value, &reading, options.limits.values_max)?;
            imply_systems(&mut values, param, &query.type_name, registry);
            Filter { param: target, modifier, values }
        }
    };
    query.conditions.push(Condition::Filter(filter));
    Ok(())
}

/// A `code` has no system of its own and is indexed without one: its implied system in a query is as good as none.
fn imply_systems(values: &mut [FilterValue], param: &Param, type_name: &str, registry: &Registry) {
    let mut named = values.iter_mut().filter_map(|value| match value {
        FilterValue::Token { system: Some(system), .. } if param.kind == Kind::Token => Some(system),
        _ => None,
    });
    let Some(first) = named.next() else { return };
    let implied = registry.implied_systems(type_name, param.id);
    for system in std::iter::once(first).chain(named) {
        if system.as_deref().is_some_and(|system| implied.contains(&system)) {
            *system = None;
        }
    }
}

/// Forms of search that go beyond one type's own parameters.
fn refuse_wider_search(name: &str) -> Result<(), Refusal> {
    let code = name.split(':').next().unwrap_or_default();
    let what = match code {
        "_has" => "reverse chained search (`_has`) is",
        "_include" | "_revinclude" => "including other resources (`_include`, `_revinclude`) is",
        _ if name.contains('.') => "chained search is",
        _ => return Ok(()),
    };
    Err(not_supported(format!("{what} not supported yet: {}", shown(name))))
}

fn read_modifier(param: &Param, modifier: Option<&str>, registry: &Registry) -> Result<Modifier, Refusal> {
    let Some(modifier) = modifier else { return Ok(Modifier::None) };
    let is_special = param.url == ID_URL || param.url == LAST_UPDATED_URL;
    Ok(match (modifier, param.kind) {
        // The value decides which it is.
        ("missing", _) if !is_special => Modifier::Missing(true),
        ("exact", Kind::String) => Modifier::Exact,
        ("contains", Kind::String) => Modifier::Contains,
        ("text", Kind::Token) if !is_special => Modifier::Text,
        ("not", Kind::Token) if !is_special => Modifier::Not,
        ("identifier", Kind::Reference) => Modifier::Identifier,
        ("below", Kind::Uri) => Modifier::Below,
        (name, Kind::Reference) if registry.definitions().is_resource_type(name) => Modifier::Type(name.to_owned()),
        _ => {
            let code = &param.code;
            let kind = param.kind.code();
            let modifier = shown(modifier);
            return Err(not_supported(format!(
                "modifier {modifier} is not supported for search parameter `{code}` of kind {kind}"
            )));
        }
    })
}

fn unknown(code: &str, type_name: &str, registry: &Registry) -> Refusal {
    let name = shown(code);
    if registry.is_unsupported(type_name, code) {
        return not_supported(format!("search parameter {name} of {type_name} is not supported yet"));
    }
    let near = suggest::nearest(code, registry.params_of(type_name).map(|param| param.code.as_str()));
    let hint = near.map(|near| format!("; did you mean `{near}`")).unwrap_or_default();
    let diagnostics = format!("search parameter {name} is not defined for {type_name}{hint}");
    Refusal::NotUnderstood(Box::new(Issue::error("not-supported", diagnostics).detail("search-parameter-unknown")))
}

/// A parameter name for a message: a name that does not look like one could be a value that lost its name.
pub(crate) fn shown(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.');
    if name.len() <= 64 && name.chars().all(is_plain) { format!("`{name}`") } else { "with an odd name".to_owned() }
}

pub(crate) fn not_supported(diagnostics: String) -> Refusal {
    Refusal::NotUnderstood(Box::new(Issue::error("not-supported", diagnostics).detail("search-not-supported")))
}

pub(crate) fn wrong(code: &'static str, diagnostics: String) -> Refusal {
    Refusal::Wrong(Box::new(Issue::error(code, diagnostics).detail("search-value-invalid")))
}
