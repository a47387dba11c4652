//! The question to another terminology server: built from what is known to be codes and names of definitions, never passed on.

use std::borrow::Cow;

use fhir::Node;
use serde_json::{Map, Value, json};

use crate::answer::Touched;
use crate::failure::Failure;
use crate::interaction::search_type::encoded;
use crate::operation::coding::{parameter, value_set};
use crate::operation::expand::{self, CODES_MAX};
use crate::operation::parameters::Parameters;
use crate::perform::Context;
use crate::stored_definitions::Gathered;

/// Parameters of primitive types that may leave, with their types. Texts that anybody may have written are not among them.
const SENT: [(&str, &[(&str, &str)]); 5] = [
    (
        "$expand",
        &[
            ("url", "Uri"),
            ("valueSetVersion", "String"),
            ("offset", "Integer"),
            ("count", "Integer"),
            ("includeDesignations", "Boolean"),
            ("designation", "String"),
            ("includeDefinition", "Boolean"),
            ("activeOnly", "Boolean"),
            ("excludeNested", "Boolean"),
            ("excludeNotForUI", "Boolean"),
            ("excludePostCoordinated", "Boolean"),
            ("displayLanguage", "Code"),
            ("exclude-system", "Canonical"),
            ("system-version", "Canonical"),
            ("check-system-version", "Canonical"),
            ("force-system-version", "Canonical"),
        ],
    ),
    (
        "$validate-code",
        &[
            ("url", "Uri"),
            ("valueSetVersion", "String"),
            ("code", "Code"),
            ("system", "Uri"),
            ("systemVersion", "String"),
            ("version", "String"),
            ("abstract", "Boolean"),
            ("displayLanguage", "Code"),
        ],
    ),
    (
        "$lookup",
        &[
            ("code", "Code"),
            ("system", "Uri"),
            ("version", "String"),
            ("displayLanguage", "Code"),
            ("property", "Code"),
        ],
    ),
    ("$subsumes", &[("codeA", "Code"), ("codeB", "Code"), ("system", "Uri"), ("version", "String")]),
    (
        "$translate",
        &[
            ("url", "Uri"),
            ("conceptMapVersion", "String"),
            ("code", "Code"),
            ("system", "Uri"),
            ("version", "String"),
            ("source", "Uri"),
            ("target", "Uri"),
            ("targetsystem", "Uri"),
            ("reverse", "Boolean"),
        ],
    ),
];
/// Without these it would be another question, and they may hold anything: what they ask is answered here.
const NEEDED: [&str; 3] = ["filter", "codeSystem", "conceptMap"];
const CODINGS: [&str; 3] = ["coding", "codingA", "codingB"];

/// What is asked.
pub(crate) struct Question {
    /// Below the base of the other server.
    pub path: String,
    /// A Parameters resource; none when the path holds all.
    pub body: Option<String>,
    /// The stored definitions that were read for it.
    pub touched: Touched,
}

/// The question; none where it cannot be asked without what must stay here.
pub(crate) async fn question(context: &Context<'_>, operation: &str) -> Result<Option<Question>, Failure> {
    let request = context.request;
    let (type_name, is_instance) = (request.type_str(), request.id.is_some());
    let parameters = Parameters::read(request)?;
    let is_needed = |name: &str| NEEDED.contains(&name);
    if parameters.values.iter().any(|(name, _)| is_needed(name))
        || parameters.list().any(|one| is_needed(&one.str("name").unwrap_or_default()))
    {
        return Ok(None);
    }
    let mut gathered = Gathered::new(context);
    let mut sent = Vec::new();
    let is_inline = parameters.part("valueSet", "resource").is_some() || parameters.whole_body("ValueSet").is_some();
    if type_name == "ValueSet"
        && (is_instance || is_inline || ["url", "context"].iter().any(|name| parameters.every(name).next().is_some()))
    {
        match value_set(&parameters, &mut gathered, is_instance).await {
            Ok(set) if !set.include.is_empty() => {
                sent.push(json!({"name": "valueSet", "resource": rules(expand::whole(&set), is_inline)}));
            }
            // One that is not known here the other server may know by its url.
            Err(_) if !is_instance && !is_inline && parameters.one("context")?.is_none() => {}
            _ => return Ok(None),
        }
    }
    if is_instance && sent.is_empty() {
        return Ok(None);
    }
    let is_set_sent = !sent.is_empty();
    sent.extend(parameters.list().filter_map(rebuilt));
    let Some(plain) = primitives(&parameters, operation, is_set_sent) else { return Ok(None) };
    let (path, touched) = (format!("{type_name}/{operation}"), gathered.touched);
    if request.body.is_empty() && sent.is_empty() {
        let plain: Vec<_> = plain.into_iter().map(|(name, _, text)| (name.to_owned(), text.into_owned())).collect();
        return Ok(Some(Question { path: format!("{path}?{}", encoded(&plain)), body: None, touched }));
    }
    for (name, kind, text) in plain {
        let Some(value) = typed(kind, &text) else { return Ok(None) };
        sent.push(parameter(name, kind, value));
    }
    let body = json!({"resourceType": "Parameters", "parameter": sent}).to_string();
    Ok(Some(Question { path, body: Some(body), touched }))
}

/// Names, types and values of those that may leave; none when one is not of its type.
fn primitives<'p>(
    parameters: &'p Parameters,
    operation: &str,
    is_set_sent: bool,
) -> Option<Vec<(&'static str, &'static str, Cow<'p, str>)>> {
    let (_, allowed) = SENT.iter().find(|(own, _)| *own == operation)?;
    let mut found = Vec::new();
    for (name, kind) in allowed.iter().filter(|(name, _)| !is_set_sent || !matches!(*name, "url" | "valueSetVersion")) {
        for text in parameters.every(name) {
            let value = typed(kind, text)?;
            // A page is as long as one of this server at the most.
            let is_too_many = *name == "count" && value.as_u64().is_some_and(|count| count > CODES_MAX as u64);
            let text = if is_too_many { Cow::from(CODES_MAX.to_string()) } else { Cow::from(text) };
            found.push((*name, *kind, text));
        }
    }
    Some(found)
}

/// A text as a value of a type; none when it is not of it.
fn typed(kind: &str, text: &str) -> Option<Value> {
    match kind {
        "Integer" => text.parse::<u32>().ok().map(Value::from),
        "Boolean" => text.parse::<bool>().ok().map(Value::from),
        "Uri" | "Canonical" if text.contains(char::is_whitespace) => None,
        _ => Some(Value::from(text)),
    }
}

/// A parameter of the body that holds codes, with its codes alone: the rest may be about a patient.
fn rebuilt(posted: Node<'_>) -> Option<Value> {
    let name = posted.str("name")?.into_owned();
    match name.as_str() {
        "codeableConcept" => {
            Some(json!({"name": name, "valueCodeableConcept": concept(posted.get("valueCodeableConcept")?)?}))
        }
        "dependency" => {
            let parts: Vec<Value> = posted.get("part")?.items().filter_map(dependency_part).collect();
            (!parts.is_empty()).then(|| json!({"name": name, "part": parts}))
        }
        _ if CODINGS.contains(&name.as_str()) => {
            Some(json!({"name": name, "valueCoding": coding(posted.get("valueCoding")?)}))
        }
        _ => None,
    }
}

fn dependency_part(part: Node<'_>) -> Option<Value> {
    match part.str("name")?.as_ref() {
        "element" => Some(parameter("element", "Uri", typed("Uri", &part.str("valueUri")?)?)),
        "concept" => Some(parameter("concept", "CodeableConcept", concept(part.get("valueCodeableConcept")?)?)),
        _ => None,
    }
}

fn concept(node: Node<'_>) -> Option<Value> {
    let codings: Vec<Value> = node.get("coding")?.items().map(coding).collect();
    Some(json!({"coding": codings}))
}

fn coding(node: Node<'_>) -> Value {
    let members = ["system", "version", "code"].into_iter();
    let members = members.filter_map(|name| Some((name.to_owned(), Value::from(node.str(name)?.into_owned()))));
    Value::Object(members.collect::<Map<_, _>>())
}

/// A value set without its name, and one that was sent with the question without its words for codes too.
pub(crate) fn rules(mut set: Value, is_inline: bool) -> Value {
    if let Value::Object(members) = &mut set {
        members.remove("name");
    }
    let Some(compose) = set.get_mut("compose").filter(|_| is_inline) else { return set };
    for list in ["include", "exclude"] {
        for part in compose.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let concepts = part.get_mut("concept").and_then(Value::as_array_mut).into_iter().flatten();
            concepts.filter_map(Value::as_object_mut).for_each(|concept| {
                concept.remove("display");
            });
        }
    }
    set
}
