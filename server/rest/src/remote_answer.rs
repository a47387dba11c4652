//! The answer of another terminology server: made anew from what R4 lets the operation answer, each value of its type and within bounds. What
//! else is in it, as narratives, extensions and outcomes, stays out. <https://hl7.org/fhir/R4/terminology-service.html>

use fhir::{Json, Node};
use serde_json::{Map, Value, json};

use crate::operation::expand::CODES_MAX;

/// The longest text of one value.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Codes within codes; a circle cannot be, but a pile.
const DEPTH_MAX: usize = 32;

/// How the codes of a system or map stand to each other.
const SUBSUMPTIONS: [&str; 4] = ["equivalent", "subsumes", "subsumed-by", "not-subsumed"];
/// <https://hl7.org/fhir/R4/valueset-concept-map-equivalence.html>
const EQUIVALENCES: [&str; 10] = [
    "relatedto",
    "equivalent",
    "equal",
    "wider",
    "subsumes",
    "narrower",
    "specializes",
    "inexact",
    "unmatched",
    "disjoint",
];

/// What says that an expansion does not list all: without them it would pass for whole.
const NOT_WHOLE: [&str; 2] = [
    "http://hl7.org/fhir/StructureDefinition/valueset-toocostly",
    "http://hl7.org/fhir/StructureDefinition/valueset-unclosed",
];

/// A parameter that R4 has for an answer.
struct Part {
    name: &'static str,
    kind: Kind,
    is_needed: bool,
}

enum Kind {
    Boolean,
    String,
    Uri,
    Code,
    /// One of these codes.
    OneOf(&'static [&'static str]),
    Coding,
    /// A value of any of the types that properties of concepts have.
    Any,
    Parts(&'static [Part]),
}

const fn needed(name: &'static str, kind: Kind) -> Part {
    Part { name, kind, is_needed: true }
}

const fn allowed(name: &'static str, kind: Kind) -> Part {
    Part { name, kind, is_needed: false }
}

const VALIDATE_CODE: [Part; 3] =
    [needed("result", Kind::Boolean), allowed("message", Kind::String), allowed("display", Kind::String)];
const SUBSUMES: [Part; 1] = [needed("outcome", Kind::OneOf(&SUBSUMPTIONS))];
const LOOKUP: [Part; 5] = [
    needed("name", Kind::String),
    allowed("version", Kind::String),
    needed("display", Kind::String),
    allowed(
        "designation",
        Kind::Parts(&[allowed("language", Kind::Code), allowed("use", Kind::Coding), needed("value", Kind::String)]),
    ),
    allowed(
        "property",
        Kind::Parts(&[
            needed("code", Kind::Code),
            allowed("value", Kind::Any),
            allowed("description", Kind::String),
            allowed(
                "subproperty",
                Kind::Parts(&[
                    needed("code", Kind::Code),
                    needed("value", Kind::Any),
                    allowed("description", Kind::String),
                ]),
            ),
        ]),
    ),
];
const TRANSLATE: [Part; 3] = [
    needed("result", Kind::Boolean),
    allowed("message", Kind::String),
    allowed(
        "match",
        Kind::Parts(&[
            allowed("equivalence", Kind::OneOf(&EQUIVALENCES)),
            allowed("concept", Kind::Coding),
            allowed("product", Kind::Parts(&[allowed("element", Kind::Uri), allowed("concept", Kind::Coding)])),
            allowed("source", Kind::Uri),
        ]),
    ),
];

/// The types of values of properties: <https://hl7.org/fhir/R4/codesystem-operation-lookup.html>.
const ANY: [&str; 8] = ["Code", "Coding", "String", "Integer", "Boolean", "DateTime", "Decimal", "Uri"];

/// What an operation answers; none when it is not of the form that R4 has for it.
pub(crate) fn answer(operation: &str, said: &Json) -> Option<Value> {
    let parts: &[Part] = match operation {
        "$expand" => return expansion(said.root()),
        "$validate-code" => &VALIDATE_CODE,
        "$subsumes" => &SUBSUMES,
        "$lookup" => &LOOKUP,
        "$translate" => &TRANSLATE,
        _ => return None,
    };
    if said.resource_type() != Some("Parameters") {
        return None;
    }
    let parameters = rebuilt(parts, said.root().get("parameter")?)?;
    Some(json!({"resourceType": "Parameters", "parameter": parameters}))
}

/// The parameters of a list that are allowed, in their order; none when one that is needed is not there.
fn rebuilt(parts: &[Part], list: Node<'_>) -> Option<Vec<Value>> {
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for given in list.items() {
        let name = given.str("name")?;
        let Some(part) = parts.iter().find(|part| part.name == name) else { continue };
        let is_list = matches!(part.kind, Kind::Parts(_));
        if !is_list && seen.contains(&part.name) {
            return None;
        }
        seen.push(part.name);
        let (member, value) = value(part, given)?;
        let mut parameter = json!({"name": part.name});
        parameter.as_object_mut()?.insert(member, value);
        found.push(parameter);
    }
    let is_whole = parts.iter().all(|part| !part.is_needed || seen.contains(&part.name));
    is_whole.then_some(found)
}

/// The member of a parameter that holds its value, and the value.
fn value(part: &Part, given: Node<'_>) -> Option<(String, Value)> {
    let (kind, value) = match &part.kind {
        Kind::Parts(parts) => return Some(("part".to_owned(), Value::from(rebuilt(parts, given.get("part")?)?))),
        Kind::Any => ANY.iter().find_map(|kind| Some((*kind, of_kind(kind, given.get(&format!("value{kind}"))?)?)))?,
        Kind::OneOf(codes) => {
            let code = given.str("valueCode").filter(|code| codes.contains(&code.as_ref()))?;
            ("Code", Value::from(code.as_ref()))
        }
        Kind::Boolean => ("Boolean", of_kind("Boolean", given.get("valueBoolean")?)?),
        Kind::String => ("String", of_kind("String", given.get("valueString")?)?),
        Kind::Code => ("Code", of_kind("Code", given.get("valueCode")?)?),
        Kind::Uri => ("Uri", of_kind("Uri", given.get("valueUri")?)?),
        Kind::Coding => ("Coding", of_kind("Coding", given.get("valueCoding")?)?),
    };
    Some((format!("value{kind}"), value))
}

/// A value of a type.
fn of_kind(kind: &str, node: Node<'_>) -> Option<Value> {
    let value = match kind {
        "Coding" => return coding(node),
        _ => node.to_value(),
    };
    let is_it = match (kind, &value) {
        ("Boolean", Value::Bool(_)) => true,
        ("Integer", Value::Number(number)) => number.is_i64(),
        ("Decimal", Value::Number(_)) => true,
        ("String", Value::String(text)) => is_text(text),
        ("Code" | "Uri" | "DateTime", Value::String(text)) => is_text(text) && text.trim() == text,
        _ => false,
    };
    is_it.then_some(value)
}

/// Text as R4 has it: not empty, and of control characters white space alone.
pub(crate) fn is_text(text: &str) -> bool {
    let is_plain = |letter: char| !letter.is_control() || matches!(letter, '\t' | '\r' | '\n');
    !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX && text.chars().all(is_plain)
}

/// The members of an object that are of their types; none when one of them is not, or when something changes what they mean.
fn members(node: Node<'_>, wanted: &[(&str, &str)]) -> Option<Map<String, Value>> {
    if node.get("modifierExtension").is_some() {
        return None;
    }
    let mut found = Map::new();
    for (name, kind) in wanted {
        if let Some(given) = node.get(name) {
            found.insert((*name).to_owned(), of_kind(kind, given)?);
        }
    }
    Some(found)
}

fn coding(node: Node<'_>) -> Option<Value> {
    let wanted = [("system", "Uri"), ("version", "String"), ("code", "Code"), ("display", "String")];
    members(node, &wanted).filter(|members| members.contains_key("code")).map(Value::Object)
}

/// The value set with its expansion, without what people wrote about it.
fn expansion(set: Node<'_>) -> Option<Value> {
    if set.str("resourceType").as_deref() != Some("ValueSet") {
        return None;
    }
    let head = [("url", "Uri"), ("version", "String"), ("name", "String"), ("status", "Code")];
    let mut found = Map::from_iter([("resourceType".to_owned(), Value::from("ValueSet"))]);
    found.extend(members(set, &head)?);
    found.entry("status").or_insert_with(|| "unknown".into());
    // R4 has it in every expansion.
    let given = set.get("expansion").filter(|given| given.get("timestamp").is_some())?;
    let mut expansion = members(
        given,
        &[("identifier", "Uri"), ("timestamp", "DateTime"), ("total", "Integer"), ("offset", "Integer")],
    )?;
    let parameters: Vec<Value> = match given.get("parameter") {
        Some(list) => list.items().filter_map(expansion_parameter).collect(),
        None => Vec::new(),
    };
    let extensions = given.get("extension").into_iter().flat_map(|list| list.items());
    let extensions = extensions.filter_map(|one| {
        let url = one.str("url").filter(|url| NOT_WHOLE.contains(&url.as_ref()))?;
        Some(json!({"url": url, "valueBoolean": of_kind("Boolean", one.get("valueBoolean")?)?}))
    });
    let mut count = 0;
    let contains = contained(given, 0, &mut count)?;
    for (name, list) in [("extension", extensions.collect()), ("parameter", parameters), ("contains", contains)] {
        if !list.is_empty() {
            expansion.insert(name.to_owned(), list.into());
        }
    }
    found.insert("expansion".to_owned(), expansion.into());
    Some(Value::Object(found))
}

fn expansion_parameter(given: Node<'_>) -> Option<Value> {
    let mut found = members(given, &[("name", "String")])?;
    let kinds = ["String", "Boolean", "Integer", "Decimal", "Uri", "Code", "DateTime"];
    let (name, value) = kinds.iter().find_map(|kind| {
        let name = format!("value{kind}");
        let value = of_kind(kind, given.get(&name)?)?;
        Some((name, value))
    })?;
    found.insert(name, value);
    Some(Value::Object(found))
}

/// The codes directly below; none when one of them is none, or there are too many.
fn contained(above: Node<'_>, depth: usize, count: &mut usize) -> Option<Vec<Value>> {
    let Some(list) = above.get("contains") else { return Some(Vec::new()) };
    let mut found = Vec::new();
    for given in list.items() {
        *count += 1;
        if *count > CODES_MAX || depth > DEPTH_MAX {
            return None;
        }
        let wanted = [
            ("system", "Uri"),
            ("abstract", "Boolean"),
            ("inactive", "Boolean"),
            ("version", "String"),
            ("code", "Code"),
            ("display", "String"),
        ];
        let mut entry = members(given, &wanted)?;
        let below = contained(given, depth + 1, count)?;
        // What has no code groups others, by its words.
        let is_group = entry.get("abstract") == Some(&Value::Bool(true)) && entry.contains_key("display");
        let is_code = entry.contains_key("code") && entry.contains_key("system");
        if !(is_group || is_code) {
            return None;
        }
        let designations = given.get("designation").into_iter().flat_map(|list| list.items());
        let designations: Vec<Value> = designations.map(designation).collect::<Option<_>>()?;
        for (name, list) in [("designation", designations), ("contains", below)] {
            if !list.is_empty() {
                entry.insert(name.to_owned(), list.into());
            }
        }
        found.push(Value::Object(entry));
    }
    Some(found)
}

fn designation(given: Node<'_>) -> Option<Value> {
    let mut found = members(given, &[("language", "Code"), ("value", "String")])?;
    if let Some(given) = given.get("use") {
        found.insert("use".to_owned(), coding(given)?);
    }
    found.contains_key("value").then_some(Value::Object(found))
}
