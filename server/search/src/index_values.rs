//! The index values of an element, by the kind of the parameter. <https://hl7.org/fhir/R4/search.html#ptypes>

use std::borrow::Cow;

use fhir::{FhirDate, Node};
use fhirpath::Value;

use crate::index::IndexValue;
use crate::index_quantities;
use crate::normalise::{cut, normalise};
use crate::param::Kind;
use crate::reference::Target;

/// Where found values go.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(IndexValue);

/// Keeps `:missing` true to the element where it is there without what could be searched: a text without a code, a reference to a contained
/// resource or with a display alone.
const PRESENT: IndexValue = IndexValue::Token { system: None, code: None };

/// An element, as an index value is made from it.
pub(crate) enum Found<'a> {
    /// An object with the name of its type.
    Complex(&'a str, Node<'a>),
    /// The text of a primitive as it was written, or of what an expression made.
    Text(Cow<'a, str>),
}

impl<'a> Found<'a> {
    /// A node of that type. One that is not of the JSON kind of its type is the validator's to report.
    pub(crate) fn of(node: Node<'a>, type_name: &'a str, is_primitive: bool) -> Option<Found<'a>> {
        match node.kind() {
            fhir::Kind::Object if !is_primitive => Some(Found::Complex(type_name, node)),
            fhir::Kind::String if is_primitive => node.as_str().map(Found::Text),
            fhir::Kind::Number | fhir::Kind::Bool if is_primitive => Some(Found::Text(Cow::Borrowed(node.raw()))),
            _ => None,
        }
    }
}

/// Gives the index values of what an expression found.
pub(crate) fn of_value(kind: Kind, value: &Value<'_>, out: Sink<'_>) {
    let found = match value.element() {
        Some(element) => element
            .node
            .and_then(|node| Found::of(node, element.type_name().unwrap_or_default(), element.is_primitive())),
        None => value.to_text().map(|text| Found::Text(Cow::Owned(text))),
    };
    found.iter().for_each(|found| each(kind, found, out));
}

/// Gives the index values of an element.
pub(crate) fn each(kind: Kind, found: &Found<'_>, out: Sink<'_>) {
    match (kind, found) {
        (Kind::Token, Found::Complex(type_name, node)) => tokens(type_name, *node, out),
        (Kind::Token, Found::Text(text)) => token(None, Some(text), out),
        (Kind::String, Found::Complex(type_name, node)) => strings(type_name, *node, out),
        (Kind::String, Found::Text(text)) => string(text, out),
        (Kind::Date, Found::Complex(type_name, node)) => spans(type_name, *node, out),
        (Kind::Date, Found::Text(text)) => span(text).into_iter().for_each(out),
        (Kind::Number, Found::Complex("Range", node)) => number_range(*node, out),
        (Kind::Number, Found::Text(text)) => {
            number(text).into_iter().for_each(|value| out(IndexValue::Number { low: value, high: value }));
        }
        (Kind::Quantity, Found::Complex(type_name, node)) => index_quantities::each(type_name, *node, out),
        (Kind::Reference, Found::Complex("Reference", node)) => references(*node, out),
        (Kind::Reference, Found::Text(text)) => canonicals(text, out),
        (Kind::Uri, Found::Text(text)) => uris(text, out),
        (Kind::Special, Found::Complex(_, node)) => position(*node).into_iter().for_each(out),
        _ => {}
    }
}

fn token(system: Option<&str>, code: Option<&str>, out: Sink<'_>) {
    if system.is_some() || code.is_some() {
        let held = |text: Option<&str>| text.map(|text| cut(text).to_owned());
        out(IndexValue::Token { system: held(system), code: held(code) });
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
                    out(PRESENT);
                }
            }
        }
        "Identifier" => {
            token(node.str("system").as_deref(), node.str("value").as_deref(), out);
            if let Some(type_) = node.get("type") {
                identifier_type(type_, node.str("value"), out);
            }
        }
        // `telecom=phone|0113...`: the system of a contact is a code, and as good as a system.
        "ContactPoint" => {
            if let Some(value) = node.str("value") {
                token(node.str("system").as_deref(), Some(&value), out);
            }
        }
        _ => {}
    }
}

fn identifier_type(node: Node<'_>, value: Option<Cow<'_, str>>, out: Sink<'_>) {
    if let Some(text) = node.str("text") {
        display(&text, out);
    }
    let Some(value) = value else { return };
    for coding in node.get("coding").iter().flat_map(Node::each) {
        if let Some(code) = coding.str("code") {
            let system = coding.str("system").map(|system| cut(&system).to_owned());
            out(IndexValue::OfType { system, code: cut(&code).to_owned(), value: cut(&value).to_owned() });
        }
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
        // R4 lets only the outer limits of a schedule count.
        "Timing" => {
            let events = node.get("event");
            let events = events.iter().flat_map(Node::each).filter_map(|event| span(&event.as_str()?));
            let spans = events.chain(node.at(&["repeat", "boundsPeriod"]).and_then(period));
            let ends = spans.filter_map(|span| match span {
                IndexValue::Date { start, end } => Some((start, end)),
                _ => None,
            });
            let outer = ends.reduce(|(start, end), (first, last)| (start.min(first), end.max(last)));
            outer.into_iter().for_each(|(start, end)| out(IndexValue::Date { start, end }));
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

pub(crate) fn member_number(node: Node<'_>, path: &[&str]) -> Option<f64> {
    node.at(path)?.number_text().and_then(number)
}

fn number_range(node: Node<'_>, out: Sink<'_>) {
    let (low, high) = (member_number(node, &["low", "value"]), member_number(node, &["high", "value"]));
    if low.is_some() || high.is_some() {
        out(IndexValue::Number { low: low.unwrap_or(f64::MIN), high: high.unwrap_or(f64::MAX) });
    }
}

fn position(node: Node<'_>) -> Option<IndexValue> {
    let (latitude, longitude) = (member_number(node, &["latitude"])?, member_number(node, &["longitude"])?);
    let is_place = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    is_place.then_some(IndexValue::Position { latitude, longitude })
}

fn references(node: Node<'_>, out: Sink<'_>) {
    let target = node.str("reference").and_then(|text| Target::parse(&text));
    let identifier = node.get("identifier");
    if target.is_none() && identifier.is_none() {
        out(PRESENT);
    }
    target.into_iter().for_each(|target| out(target.into()));
    if let Some(identifier) = identifier {
        token(identifier.str("system").as_deref(), identifier.str("value").as_deref(), out);
    }
}

fn canonicals(text: &str, out: Sink<'_>) {
    let text = text.split('#').next().unwrap_or_default();
    match Target::parse(text) {
        Some(target) => out(target.into()),
        None => out(PRESENT),
    }
    // A versioned canonical is found with its version and without.
    if let Some((url, _)) = text.split_once('|') {
        Target::parse(url).into_iter().for_each(|target| out(target.into()));
    }
}

fn uris(text: &str, out: Sink<'_>) {
    out(IndexValue::Uri(cut(text).to_owned()));
    if let Some((url, _)) = text.split_once('|') {
        out(IndexValue::Uri(cut(url).to_owned()));
    }
}
