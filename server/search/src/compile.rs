//! Search parameters from their definitions: <https://hl7.org/fhir/R4/searchparameter.html>.

use definitions::{Definitions, ElementDef, SearchParameterDef};
use fhir::Json;
use fhirpath::{Context, Expression, NoHost};

use crate::param::{Kind, Param};
use crate::plan::{Alternative, Part};

/// The only special parameter of R4 that has an expression.
const NEAR_URL: &str = "http://hl7.org/fhir/SearchParameter/Location-near";

/// A parameter, ready to be evaluated.
pub(crate) struct Compiled {
    pub(crate) kind: Kind,
    pub(crate) alternatives: Vec<Alternative>,
    /// Of a composite: the ids and kinds of its components, and how each finds its values.
    pub(crate) components: Vec<(u32, Kind)>,
    pub(crate) parts: Vec<Part>,
}

/// Compiles a definition, or says what is wrong with it. `by_url` finds the parameters that a composite names, with their expressions.
pub(crate) fn compile<'p>(
    definition: &SearchParameterDef,
    by_url: impl Fn(&str) -> Option<(&'p Param, &'p str)>,
) -> Result<Compiled, String> {
    let kind = Kind::parse(&definition.kind).ok_or("its kind is not one of R4")?;
    if kind == Kind::Special && definition.url != NEAR_URL {
        return Err("parameters of kind special have rules of their own, which this server does not know".to_owned());
    }
    let source = definition.expression.as_deref().ok_or("it has no expression")?;
    let alternatives = expression(source)?.alternatives().into_iter().map(Alternative::new).collect();
    let (mut components, mut parts) = (Vec::new(), Vec::new());
    if kind == Kind::Composite {
        let named = definition.components.iter().map(|component| by_url(&component.definition));
        let named: Vec<_> =
            named.collect::<Option<_>>().ok_or("a component names a search parameter that is not there")?;
        for (component, (param, _)) in definition.components.iter().zip(&named) {
            // The path tells the component where the definition is crossed with another's (R4: `DocumentReference-relationship`).
            let path = format!("{source}.{}", component.expression);
            let crossed = named.iter().find(|(_, own)| *own == path);
            let param = crossed.map_or(param, |(param, _)| param);
            if matches!(param.kind, Kind::Composite | Kind::Special) {
                return Err("a component is composite or special itself".to_owned());
            }
            components.push((param.id, param.kind));
            let expressions = expression(&component.expression)?.alternatives();
            parts.push(Part { kind: param.kind, expressions });
        }
        check_components(&components)?;
    }
    Ok(Compiled { kind, alternatives, components, parts })
}

/// What one row of the index can hold: a token, then any value, or two numbers.
fn check_components(components: &[(u32, Kind)]) -> Result<(), String> {
    let kinds: Vec<Kind> = components.iter().map(|(_, kind)| *kind).collect();
    match kinds.as_slice() {
        [Kind::Token, Kind::Uri] => Err("a uri as a component is not supported".to_owned()),
        [Kind::Token, _] | [Kind::Token, Kind::Number, Kind::Number] => Ok(()),
        _ => Err("its components are not a token and a value, or a token and two numbers".to_owned()),
    }
}

fn expression(source: &str) -> Result<Expression, String> {
    // R4 writes the System type where it means the element's (`Observation-code-value-date`).
    let source = source.replace("as(DateTime)", "as(dateTime)");
    Expression::parse(&source).map_err(|error| format!("its expression does not compile: {error}"))
}

/// Whether an expression can find something in a resource of that type.
pub(crate) fn fits(expression: &Expression, type_name: &str, definitions: &Definitions) -> bool {
    expression.opening_type().is_none_or(|opening| definitions.is_subtype(type_name, opening))
}

/// Holds a posted parameter to the type: it has to find something there, by names that are known.
pub(crate) fn check_on(compiled: &Compiled, type_name: &str, definitions: &Definitions) -> Result<(), String> {
    let fitting: Vec<_> =
        compiled.alternatives.iter().filter(|one| fits(&one.expression, type_name, definitions)).collect();
    if fitting.is_empty() {
        return Err(format!("its expression finds nothing in {type_name}"));
    }
    let empty = Json::from_value(&serde_json::json!({"resourceType": type_name}));
    let context = Context::new(empty.root(), definitions, &NoHost);
    let Some(focus) = context.resource.clone() else { return Ok(()) };
    for alternative in fitting {
        alternative.expression.evaluate(&focus, &context).map_err(|error| error.to_string())?;
        let path = alternative.expression.plain_path().unwrap_or_default();
        if path.split_once('.').is_some_and(|(_, path)| element_at(path, type_name, definitions).is_none()) {
            return Err(format!("its expression names no element of {type_name}"));
        }
    }
    Ok(())
}

/// Whether an expression finds nothing but the URLs of definitions, which name no resource of a server by type and id.
pub(crate) fn finds_canonicals(source: &str, definitions: &Definitions) -> bool {
    let is_canonical = |alternative: &str| {
        let path = without_filters(alternative.trim());
        let (type_name, path) = path.split_once('.')?;
        let types = &element_at(path, type_name, definitions)?.types;
        Some(!types.is_empty() && types.iter().all(|t| matches!(t.code.as_str(), "canonical" | "uri" | "url")))
    };
    source.split('|').all(|alternative| is_canonical(alternative) == Some(true))
}

/// A path without `.where(…)`, which narrows it and leads nowhere else.
fn without_filters(path: &str) -> String {
    let mut pieces = path.split(".where(");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    pieces.for_each(|piece| text.push_str(piece.rsplit_once(')').map_or("", |(_, rest)| rest)));
    text
}

/// The element to which a path leads, through datatypes too.
fn element_at<'d>(path: &str, type_name: &str, definitions: &'d Definitions) -> Option<&'d ElementDef> {
    let mut open: Vec<_> = definitions.type_named(type_name)?.elements.iter().collect();
    let mut found = None;
    for name in path.split('.') {
        let element = open.into_iter().find(|element| element.name == name)?;
        let types = element.types.iter().filter_map(|t| definitions.type_named(&t.code));
        open = definitions.children(element).iter().chain(types.flat_map(|t| &t.elements)).collect();
        found = Some(element);
    }
    found
}

/// A code has to be readable in a query, and names with an underscore in front are the standard's own.
pub(crate) fn check_code(code: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_good = code.len() <= 64 && code.starts_with(|c: char| c.is_ascii_alphabetic()) && code.chars().all(is_plain);
    if is_good { Ok(()) } else { Err("its code is not a letter and then letters, digits, `-` and `_`".to_owned()) }
}

/// A name for a message.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", crate::normalise::cut(name))
}
