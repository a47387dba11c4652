//! Functions of FHIR and on the tree. <https://hl7.org/fhir/R4/fhirpath.html#functions>

use std::borrow::Cow;

use fhir::Reference;

use crate::ast::Step;
use crate::context::Resolved;
use crate::element::Element;
use crate::error::FhirpathError;
use crate::evaluate::{Items, Outcome, length_bytes, single};
use crate::functions::{Call, Function, boolean, narrative, optional};
use crate::value::Value;

/// What looking a code up in a value set counts for.
const MEMBERSHIP_STEPS: usize = 10;
/// What finding out whether one concept is above another counts for: all that are below it may be listed.
const SUBSUMPTION_STEPS: usize = 1_000;
/// What a validation counts for, beyond a step for each byte.
const VALIDATION_STEPS: usize = 10_000;

pub(super) fn call<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    match call.function {
        Function::Children => children(call, &input),
        Function::Descendants => descendants(call, input),
        Function::Type => Ok(input.iter().map(type_of).collect()),
        Function::Extension => {
            let Some(url) = call.text_argument(0)? else { return Ok(Vec::new()) };
            Ok(extensions(call, &input, &url))
        }
        Function::HasExtension => {
            let Some(url) = call.text_argument(0)? else { return Ok(Vec::new()) };
            boolean(!extensions(call, &input, &url).is_empty())
        }
        Function::HasValue => boolean(matches!(input.as_slice(), [item] if has_value(item))),
        Function::GetValue => optional(match input.as_slice() {
            [item] => value_of(item),
            _ => None,
        }),
        Function::Resolve => {
            // Each reference may look through all entries.
            let root = call.evaluator.context.root_resource.as_ref().and_then(Value::element);
            let count = root.and_then(|root| root.node).map_or(0, |root| entries(root).count());
            call.evaluator.spend(input.len().saturating_mul(count))?;
            Ok(input.iter().filter_map(|item| resolve(call, item)).collect())
        }
        Function::MemberOf => member_of(call, input),
        Function::ConformsTo => conforms_to(call, input),
        Function::Subsumes | Function::SubsumedBy => subsumes(call, input),
        Function::CheckModifiers => check_modifiers(call, input),
        Function::HtmlChecks => {
            call.evaluator.spend_text(length_bytes(&input))?;
            html_checks(input)
        }
        // They answer with definitions, which are no part of a document.
        function => Err(FhirpathError::NotSupported(function.name())),
    }
}

fn children<'a>(call: &Call<'_, '_, '_, 'a>, input: &[Value<'a>]) -> Outcome<'a> {
    let mut found = Vec::new();
    for element in input.iter().filter_map(Value::element) {
        element.push_all_children(call.evaluator.context.definitions, &mut |child| found.push(child));
    }
    call.evaluator.spend(found.len())?;
    Ok(found)
}

fn descendants<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let mut found = Vec::new();
    let mut level = children(call, &input)?;
    while !level.is_empty() {
        let next = children(call, &level)?;
        found.append(&mut level);
        level = next;
    }
    Ok(found)
}

fn type_of<'a>(item: &Value<'a>) -> Value<'a> {
    let name = match item {
        Value::Node(element) => return Value::Type("FHIR", element.type_name().unwrap_or("Element").into()),
        Value::Boolean(_) => "Boolean",
        Value::String(_) => "String",
        Value::Integer(_) => "Integer",
        Value::Decimal(_) => "Decimal",
        Value::Date(_) => "Date",
        Value::DateTime(_) => "DateTime",
        Value::Time(_) => "Time",
        Value::Quantity(_) => "Quantity",
        Value::Type(..) => "TypeInfo",
    };
    Value::Type("System", name.into())
}

fn extensions<'a>(call: &Call<'_, '_, '_, 'a>, input: &[Value<'a>], url: &str) -> Items<'a> {
    let step = Step::new("extension", false, 0);
    let mut found = Vec::new();
    for element in input.iter().filter_map(Value::element) {
        element.push_children(&step, call.evaluator.context.definitions, &mut |extension| {
            let is_wanted = extension.element().and_then(|e| e.text("url")).is_some_and(|known| known == url);
            if is_wanted {
                found.push(extension);
            }
        });
    }
    found
}

/// Whether the item has a value, and not extensions alone.
pub(crate) fn has_value(item: &Value<'_>) -> bool {
    item.element().is_none_or(|element| element.is_primitive() && element.node.is_some())
}

fn value_of<'a>(item: &Value<'a>) -> Option<Value<'a>> {
    match item {
        Value::Node(element) if !element.is_primitive() => None,
        other => other.system(),
    }
}

fn resolve<'a>(call: &Call<'_, '_, '_, 'a>, item: &Value<'a>) -> Option<Value<'a>> {
    let context = call.evaluator.context;
    let element = item.element();
    let text: Cow<'_, str> = match element {
        Some(element) if !element.is_primitive() => element.text("reference").unwrap_or_default(),
        _ => item.as_text()?,
    };
    let found = |node| Some(Value::Node(Element::new(node, None, context.definitions)));
    let root = context.root_resource.as_ref().and_then(Value::element).and_then(|root| root.node);
    if let Some(id) = text.strip_prefix('#') {
        let holder = holder(root?, element.and_then(|element| element.node));
        if id.is_empty() {
            return found(holder);
        }
        let mut contained = holder.get("contained")?.items();
        return found(contained.find(|resource| resource.str("id").is_some_and(|known| known == id))?);
    }
    match context.host.resolve(&text) {
        Resolved::Found(node) => found(node),
        Resolved::Missing => None,
        // Nobody looked: what is in the same Bundle is at hand.
        Resolved::Unknown => match root.and_then(|root| in_bundle(root, &text)) {
            Some(node) => found(node),
            // The reference itself may say what type it is of, and that is all a search needs.
            None => {
                let told = || element.and_then(|element| element.text("type"));
                let type_name = Reference::type_in(&text).map(Cow::Borrowed).or_else(told)?;
                Element::hollow(&type_name, context.definitions).map(Value::Node)
            }
        },
    }
}

/// The resource whose contained resources a reference inside it means: the root, or in a Bundle the entry's.
fn holder<'a>(root: fhir::Node<'a>, place: Option<fhir::Node<'a>>) -> fhir::Node<'a> {
    let Some(place) = place else { return root };
    let resources = entries(root).filter_map(|entry| entry.get("resource"));
    let mut around = resources.filter(|found| std::ptr::eq(found.json(), place.json()));
    around.find(|found| (found.offset()..found.end_offset()).contains(&place.offset())).unwrap_or(root)
}

fn entries<'a>(root: fhir::Node<'a>) -> impl Iterator<Item = fhir::Node<'a>> {
    let is_bundle = root.str("resourceType").is_some_and(|name| name == "Bundle");
    is_bundle.then(|| root.get("entry")).flatten().into_iter().flat_map(|list| list.items())
}

/// The resource of a Bundle that a reference means: by fullUrl, or by type and id at its end.
fn in_bundle<'a>(root: fhir::Node<'a>, reference: &str) -> Option<fhir::Node<'a>> {
    let is_meant = |entry: &fhir::Node<'_>| {
        entry.str("fullUrl").is_some_and(|url| {
            let tail = url.strip_suffix(reference).filter(|_| !reference.is_empty());
            tail.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        })
    };
    entries(root).find(is_meant)?.get("resource")
}

fn member_of<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let Some(value_set) = call.text_argument(0)? else { return Ok(Vec::new()) };
    let Some(item) = single(input, "memberOf")? else { return Ok(Vec::new()) };
    let codings = item.element().and_then(|element| element.node?.get("coding")).map_or(1, |codings| codings.len());
    call.evaluator.spend_text(item.length_bytes())?;
    call.evaluator.spend(codings.saturating_mul(MEMBERSHIP_STEPS))?;
    let host = call.evaluator.context.host;
    let of_coding = |system: Option<Cow<'_, str>>, code: Option<Cow<'_, str>>| {
        code.and_then(|code| host.member_of(&value_set, system.as_deref(), &code))
    };
    let answer = match item.element().filter(|element| !element.is_primitive()) {
        None => item.as_text().and_then(|code| of_coding(None, Some(code))),
        Some(element) => match element.node.and_then(|node| node.get("coding")) {
            None => of_coding(element.text("system"), element.text("code")),
            Some(codings) => {
                let answers: Vec<Option<bool>> =
                    codings.items().map(|coding| of_coding(coding.str("system"), coding.str("code"))).collect();
                // Any member decides; an unanswered coding leaves it open.
                if answers.contains(&Some(true)) { Some(true) } else { (!answers.contains(&None)).then_some(false) }
            }
        },
    };
    optional(answer.map(Value::Boolean))
}

fn conforms_to<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let Some(profile) = call.text_argument(0)? else { return Ok(Vec::new()) };
    let Some(item) = single(input, "conformsTo")? else { return Ok(Vec::new()) };
    let Some(element) = item.element() else { return Err(FhirpathError::WrongType("conformsTo")) };
    let context = call.evaluator.context;
    // A base type is told by the table; other profiles only by the host.
    let base = profile.strip_prefix("http://hl7.org/fhir/StructureDefinition/");
    let base = base.filter(|name| context.definitions.type_named(name).is_some());
    let answer = match base {
        Some(name) => Some(element.is_a(name, context.definitions)),
        None => {
            call.evaluator.spend(item.length_bytes().saturating_add(VALIDATION_STEPS))?;
            context.host.conforms_to(element, &profile)
        }
    };
    match answer {
        Some(answer) => boolean(answer),
        None => Err(FhirpathError::UnknownType(profile)),
    }
}

/// Whether the input's concept is the argument's or above it (`subsumes`), or below it (`subsumedBy`).
fn subsumes<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let name = call.function.name();
    let (Some(own), Some(other)) = (single(input, name)?, single(call.argument(0)?, name)?) else {
        return Ok(Vec::new());
    };
    call.evaluator.spend_text(own.length_bytes().saturating_add(other.length_bytes()))?;
    let (above, below) = if call.function == Function::Subsumes { (own, other) } else { (other, own) };
    let (above, below) = (codings(&above, name)?, codings(&below, name)?);
    call.evaluator.spend(above.len().saturating_mul(below.len()).saturating_mul(SUBSUMPTION_STEPS))?;
    let mut is_open = false;
    for (system, code) in &above {
        for (other_system, other) in below.iter().filter(|(other_system, _)| other_system == system) {
            let known = if code == other { Some(true) } else { None };
            match known.or_else(|| call.evaluator.context.host.subsumes(other_system, code, other)) {
                Some(true) => return boolean(true),
                Some(false) => {}
                None => is_open = true,
            }
        }
    }
    if is_open { Ok(Vec::new()) } else { boolean(false) }
}

/// A system and a code.
type Concept<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The systems and codes of a Coding or CodeableConcept.
fn codings<'a>(item: &Value<'a>, name: &'static str) -> Result<Vec<Concept<'a>>, FhirpathError> {
    let of = |coding: fhir::Node<'a>| Some((coding.str("system").unwrap_or_default(), coding.str("code")?));
    let node = item.element().and_then(|element| element.node).filter(fhir::Node::is_object);
    let node = node.ok_or(FhirpathError::WrongType(name))?;
    Ok(match node.get("coding") {
        Some(list) => list.items().filter_map(of).collect(),
        None => of(node).into_iter().collect(),
    })
}

/// The input, if it has no modifier extensions but those named.
fn check_modifiers<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    let mut allowed = Vec::new();
    for position in 0..call.arguments.len() {
        let urls = call.text_argument(position)?.unwrap_or_default();
        allowed.extend(urls.split(',').map(|url| url.trim().to_owned()));
    }
    let nodes = input.iter().filter_map(Value::element).filter_map(|element| element.node);
    let extensions = nodes.filter_map(|node| node.get("modifierExtension")).flat_map(|list| list.items());
    let is_allowed = |extension: fhir::Node<'_>| {
        extension.str("url").is_some_and(|url| allowed.iter().any(|known| known.as_str() == url.as_ref()))
    };
    for extension in extensions {
        if !is_allowed(extension) {
            return Err(FhirpathError::UnknownModifier);
        }
    }
    Ok(input)
}

fn html_checks(input: Items<'_>) -> Outcome<'_> {
    let Some(text) = single(input, "htmlChecks")?.and_then(|item| item.as_text()) else { return Ok(Vec::new()) };
    boolean(narrative::is_narrative(&text))
}
