//! The query parser: name and value pairs to a [`Query`]. <https://hl7.org/fhir/R4/search.html>
//!
//! Messages name parameters and never repeat a value: values are personal data.

use fhir::Issue;

use crate::codes::Codes;
use crate::parse_condition::Reader;
use crate::parse_include;
use crate::parse_result;
use crate::query::{Query, Summary, Total};
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

/// Bounds of one search request; what goes beyond one is refused as `too-costly`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Parameters in one request.
    pub parameters_max: usize,
    /// ORed values of one parameter.
    pub values_max: usize,
    /// Length of one parameter's text.
    pub value_length_max_bytes: usize,
    /// Length of all names and texts.
    pub length_max_bytes: usize,
    /// Links of a chain (`_has` included), and nesting of `_filter`, `_text` and `_content`.
    pub depth_max: usize,
    /// Links of chains and looks at parameters, after chains are spread over the types that a reference may be of; for each type searched.
    pub conditions_max: usize,
    /// Values of all parameters, for each type in which they are looked for, with the codes that value sets and hierarchies give.
    pub values_total_max: usize,
    /// Reference parameters that all `_include` and `_revinclude` follow together.
    pub includes_max: usize,
    /// Keys of `_sort`.
    pub sort_keys_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            parameters_max: 100,
            values_max: 500,
            value_length_max_bytes: 64 * 1024,
            length_max_bytes: 256 * 1024,
            depth_max: 10,
            conditions_max: 500,
            values_total_max: 10_000,
            includes_max: 200,
            sort_keys_max: 10,
        }
    }
}

/// How a search request is read.
#[derive(Debug, Clone, Default)]
pub struct Options<'c> {
    /// What to do with what is not understood.
    pub handling: Handling,
    /// Bounds.
    pub limits: Limits,
    /// The server's own base URL: an absolute reference below it is read as a relative one.
    pub base_url: Option<String>,
    /// Answers `:in`, `:not-in`, `:above` and `:below` on codes, which are refused without it.
    pub terminology: Option<&'c dyn Codes>,
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
    options: &Options<'_>,
) -> Result<Query, Vec<Issue>> {
    let types = [type_name.to_owned()];
    parse_types(&types, params, registry, options)?.pop().ok_or_else(|| vec![no_type()])
}

/// Refuses more parameters, or longer ones, than a search takes.
pub fn check_size(params: &[(String, String)], limits: &Limits) -> Result<(), Vec<Issue>> {
    let most = limits.parameters_max;
    if params.len() > most {
        return Err(vec![Issue::error("too-costly", format!("a search takes at most {most} parameters"))]);
    }
    let most = limits.length_max_bytes;
    if params.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > most {
        return Err(vec![Issue::error("too-costly", format!("the parameters of a search take at most {most} bytes"))]);
    }
    Ok(())
}

/// Reads the parameters of a search over several types, one query for each, in their order. A parameter must be known to each type;
/// an element of `_elements` and the source of an `_include` to one of them.
///
/// Which types are meant is for the caller to say ([`crate::types_of`] reads `_type`); `_type` is held to them.
pub fn parse_types(
    types: &[String],
    params: &[(String, String)],
    registry: &Registry,
    options: &Options<'_>,
) -> Result<Vec<Query>, Vec<Issue>> {
    check_size(params, &options.limits)?;
    let reader = Reader::new(registry, options, types.len());
    let mut queries: Vec<Query> = types.iter().map(|type_name| empty(type_name)).collect();
    if queries.is_empty() {
        return Err(vec![no_type()]);
    }
    let (mut issues, mut notices, mut self_params) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in params {
        match take(name, value, &mut queries, types, &reader) {
            Ok(()) => self_params.push((name.clone(), value.clone())),
            Err(Refusal::NotUnderstood(issue)) if options.handling == Handling::Lenient => {
                let diagnostics = format!("left out: {}", issue.diagnostics);
                let notice = Issue { severity: fhir::Severity::Warning, diagnostics, ..*issue };
                notices.push(placed(notice, name));
            }
            Err(Refusal::NotUnderstood(issue) | Refusal::Wrong(issue)) => issues.push(placed(*issue, name)),
        }
    }
    if !issues.is_empty() {
        return Err(issues);
    }
    for query in &mut queries {
        // R4: a count of zero asks for the total only.
        if query.count == Some(0) {
            query.summary = Summary::Count;
        }
        query.self_params.clone_from(&self_params);
        query.notices.clone_from(&notices);
    }
    Ok(queries)
}

/// Names the parameter: <https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.location>.
fn placed(issue: Issue, name: &str) -> Issue {
    if is_plain(name) { issue.at(format!("http.{name}")) } else { issue }
}

fn no_type() -> Issue {
    Issue::error("invalid", "a search needs a resource type")
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

/// Takes a parameter into all queries or, refused, into none.
fn take(name: &str, value: &str, queries: &mut [Query], types: &[String], reader: &Reader<'_>) -> Result<(), Refusal> {
    if value.len() > reader.options.limits.value_length_max_bytes {
        let most = reader.options.limits.value_length_max_bytes;
        return Err(too_costly(format!("the value of {} is longer than {most} bytes", shown(name))));
    }
    let is_result = parse_result::take(name, value, queries, reader)?
        || parse_include::take(name, value, queries, reader)?
        || parse_result::take_type(name, value, types, reader)?;
    if !is_result {
        let conditions = queries.iter().map(|query| reader.condition(&query.type_name, name, value));
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
        queries.iter_mut().zip(conditions).for_each(|(query, condition)| query.conditions.push(condition));
    }
    Ok(())
}

pub(crate) fn unknown(code: &str, type_name: &str, registry: &Registry) -> Refusal {
    let name = shown(code);
    if registry.is_unsupported(type_name, code) {
        return not_supported(format!("search parameter {name} of {type_name} is not supported"));
    }
    let near = suggest::nearest(code, registry.params_of(type_name).map(|param| param.code.as_str()));
    let hint = near.map(|near| format!("; did you mean `{near}`")).unwrap_or_default();
    let diagnostics = format!("search parameter {name} is not defined for {type_name}{hint}");
    Refusal::NotUnderstood(Box::new(Issue::error("not-supported", diagnostics).detail("search-parameter-unknown")))
}

/// A parameter name for a message: a name that does not look like one could be a value that lost its name.
pub(crate) fn shown(name: &str) -> String {
    if is_plain(name) { format!("`{name}`") } else { "with an odd name".to_owned() }
}

fn is_plain(name: &str) -> bool {
    name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.'))
}

pub(crate) fn not_supported(diagnostics: String) -> Refusal {
    Refusal::NotUnderstood(Box::new(Issue::error("not-supported", diagnostics).detail("search-not-supported")))
}

/// Not supported, and not to be left out either.
pub(crate) fn firmly_not_supported(diagnostics: String) -> Refusal {
    Refusal::Wrong(Box::new(Issue::error("not-supported", diagnostics).detail("search-not-supported")))
}

pub(crate) fn wrong(code: &'static str, diagnostics: String) -> Refusal {
    Refusal::Wrong(Box::new(Issue::error(code, diagnostics).detail("search-value-invalid")))
}

pub(crate) fn too_costly(diagnostics: String) -> Refusal {
    Refusal::Wrong(Box::new(Issue::error("too-costly", diagnostics).detail("search-too-costly")))
}
