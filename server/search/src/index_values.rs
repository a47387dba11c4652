//! The index values of an element, by the kind of the parameter. <https://hl7.org/fhir/R4/search.html#ptypes>

use fhir::{FhirDate, Node};
use fhirpath::{Element, Value};

use crate::index::IndexValue;
use crate::normalise::{cut, normalise};
use crate::param::Kind;
use crate::reference::Target;

/// Where found values go.
type Sink<'s> = &'s mut dyn FnMut(IndexValue);

const CURRENCIES: &str = "urn:iso:std:iso:4217";

/// Gives the index values of what an expression found.
pub(crate) fn each(kind: Kind, value: &Value<'_>, out: Sink<'_>) {
    // An element that is not of the JSON kind of its type is the validator's to report.
    if value.element().is_some_and(|element| element.is_primitive() == element.node.is_some_and(|n| n.is_object())) {
        return;
    }
    match (kind, value.element().and_then(complex)) {
        (Kind::Token, Some((type_name, node))) => tokens(type_name, node, out),
        (Kind::Token, None) => value.to_text().into_iter().for_each(|text| token(None, Some(&text), out)),
        (Kind::String, Some((type_name, node))) => strings(type_name, node, out),
        (Kind::String, None) => value.to_text().into_iter().for_each(|text| string(&text, out)),
        (Kind::Date, Some((type_name, node))) => spans(type_name, node, out),
        (Kind::Date, None) => value.to_text().as_deref().and_then(span).into_iter().for_each(out),
        (Kind::Number, Some(("Range", node))) => number_range(node, out),
        (Kind::Number, None) => {
            let number = value.to_text().as_deref().and_then(number);
            number.into_iter().for_each(|value| out(IndexValue::Number { low: value, high: value }));
        }
        (Kind::Quantity, Some((type_name, node))) => quantities(type_name, node, out),
        (Kind::Reference, Some(("Reference", node))) => references(node, out),
        (Kind::Reference, None) => canonicals(value, out),
        (Kind::Uri, None) => uris(value, out),
        _ => {}
    }
}

fn complex<'a>(element: &Element<'a>) -> Option<(&'a str, Node<'a>)> {
    let node = element.node.filter(Node::is_object)?;
    Some((element.type_name().unwrap_or_default(), node))
}

fn token(system: Option<&str>, code: Option<&str>, out: Sink<'_>) {
    if system.is_some() || code.is_some() {
        out(IndexValue::Token { system: system.map(str::to_owned), code: code.map(|code| cut(code).to_owned()) });
    }
}

fn tokens(type_name: &str, node: Node<'_>, out: Sink<'_>) {
    match type_name {
        "Coding" => coding(node, out),
        "CodeableConcept" => {
            let codings = node.get("coding");
            codings.iter().flat_map(Node::each).for_each(|node| coding(node, out));
            if let Some(text) = node.str("text") {
                display(&text, out);
                if codings.is_none() {
                    // Keeps `:missing` true to the element where there is a text and no code.
                    out(IndexValue::Token { system: None, code: None });
                }
            }
        }
        "Identifier" => {
            token(node.str("system").as_deref(), node.str("value").as_deref(), out);
            if let Some(text) = node.at(&["type", "text"]).and_then(|text| text.as_str()) {
                display(&text, out);
            }
        }
        "ContactPoint" => token(None, node.str("value").as_deref(), out),
        _ => {}
    }
}

fn coding(node: Node<'_>, out: Sink<'_>) {
    token(node.str("system").as_deref(), node.str("code").as_deref(), out);
    if let Some(text) = node.str("display") {
        display(&text, out);
    }
}

fn display(text: &str, out: Sink<'_>) {
    let normalised = cut(&normalise(text)).to_owned();
    if !normalised.is_empty() {
        out(IndexValue::Text(normalised));
    }
}

fn string(text: &str, out: Sink<'_>) {
    let normalised = cut(&normalise(text)).to_owned();
    if !normalised.is_empty() {
        out(IndexValue::String { normalised, exact: cut(text).to_owned() });
    }
}

const NAME_PARTS: [&str; 5] = ["text", "family", "given", "prefix", "suffix"];
const ADDRESS_PARTS: [&str; 7] = ["text", "line", "city", "district", "state", "postalCode", "country"];

fn strings(type_name: &str, node: Node<'_>, out: Sink<'_>) {
    let parts: &[&str] = match type_name {
        "HumanName" => &NAME_PARTS,
        "Address" => &ADDRESS_PARTS,
        "CodeableConcept" => &["text"],
        _ => return,
    };
    let values = parts.iter().filter_map(|part| node.get(part));
    for text in values.flat_map(|value| value.each().collect::<Vec<_>>()).filter_map(|text| text.as_str()) {
        string(&text, out);
    }
}

fn span(text: &str) -> Option<IndexValue> {
    let (start, end) = FhirDate::parse(text)?.range();
    Some(IndexValue::Date { start: start.0, end: end.0 })
}

fn spans(type_name: &str, node: Node<'_>, out: Sink<'_>) {
    match type_name {
        "Period" => period(node).into_iter().for_each(out),
        "Timing" => {
            for event in node.get("event").iter().flat_map(Node::each).filter_map(|event| event.as_str()) {
                span(&event).into_iter().for_each(&mut *out);
            }
            node.at(&["repeat", "boundsPeriod"]).and_then(period).into_iter().for_each(out);
        }
        _ => {}
    }
}

fn period(node: Node<'_>) -> Option<IndexValue> {
    let date = |name| node.str(name).and_then(|text| FhirDate::parse(&text));
    let (first, last) = (date("start"), date("end"));
    if first.is_none() && last.is_none() {
        return None;
    }
    let start = first.map_or(i64::MIN, |date| date.range().0.0);
    let end = last.map_or(i64::MAX, |date| date.range().1.0);
    Some(IndexValue::Date { start, end })
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn member_number(node: Node<'_>, path: &[&str]) -> Option<f64> {
    node.at(path)?.number_text().and_then(number)
}

fn number_range(node: Node<'_>, out: Sink<'_>) {
    let (low, high) = (member_number(node, &["low", "value"]), member_number(node, &["high", "value"]));
    if low.is_some() || high.is_some() {
        out(IndexValue::Number { low: low.unwrap_or(f64::MIN), high: high.unwrap_or(f64::MAX) });
    }
}

fn quantities(type_name: &str, node: Node<'_>, out: Sink<'_>) {
    match type_name {
        "Money" => {
            let Some(value) = member_number(node, &["value"]) else { return };
            let code = node.str("currency").map(std::borrow::Cow::into_owned);
            let system = code.is_some().then(|| CURRENCIES.to_owned());
            out(IndexValue::Quantity { system, code, low: value, high: value });
        }
        "Range" => {
            let (low, high) = (member_number(node, &["low", "value"]), member_number(node, &["high", "value"]));
            let Some(unit) = node.get("low").or_else(|| node.get("high")) else { return };
            with_units(unit, (low.unwrap_or(f64::MIN), high.unwrap_or(f64::MAX)), out);
        }
        "Quantity" | "Age" | "Duration" | "Count" | "Distance" | "SimpleQuantity" => {
            let Some(value) = member_number(node, &["value"]) else { return };
            let ends = match node.str("comparator").as_deref() {
                Some("<") => (f64::MIN, value.next_down()),
                Some("<=") => (f64::MIN, value),
                Some(">") => (value.next_up(), f64::MAX),
                Some(">=") => (value, f64::MAX),
                _ => (value, value),
            };
            with_units(node, ends, out);
        }
        _ => {}
    }
}

fn with_units(unit: Node<'_>, (low, high): (f64, f64), out: Sink<'_>) {
    let text = |name| unit.str(name).map(std::borrow::Cow::into_owned);
    let (system, code, human) = (text("system"), text("code"), text("unit"));
    let has_human = human.is_some() && human != code;
    if code.is_some() || !has_human {
        out(IndexValue::Quantity { system, code, low, high });
    }
    if has_human {
        out(IndexValue::Quantity { system: None, code: human, low, high });
    }
}

fn references(node: Node<'_>, out: Sink<'_>) {
    if let Some(target) = node.str("reference").and_then(|text| Target::parse(&text)) {
        out(target.into());
    }
    if let Some(identifier) = node.get("identifier") {
        token(identifier.str("system").as_deref(), identifier.str("value").as_deref(), out);
    }
}

fn canonicals(value: &Value<'_>, out: Sink<'_>) {
    let Some(text) = value.to_text() else { return };
    let text = text.split('#').next().unwrap_or_default();
    Target::parse(text).into_iter().for_each(|target| out(target.into()));
    // A versioned canonical is found with its version and without.
    if let Some((url, _)) = text.split_once('|') {
        Target::parse(url).into_iter().for_each(|target| out(target.into()));
    }
}

fn uris(value: &Value<'_>, out: Sink<'_>) {
    let Some(text) = value.to_text() else { return };
    out(IndexValue::Uri(cut(&text).to_owned()));
    if let Some((url, _)) = text.split_once('|') {
        out(IndexValue::Uri(cut(url).to_owned()));
    }
}
