//! The values of the language and their conversion from elements. <http://hl7.org/fhir/R4/fhirpath.html#types>

use std::borrow::Cow;

use rust_decimal::Decimal;

use crate::element::Element;
use crate::quantity::Quantity;
use crate::temporal::Temporal;

/// An item of a collection.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// An element of a document.
    Node(Element<'a>),
    /// A truth value.
    Boolean(bool),
    /// A text.
    String(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// A decimal number.
    Decimal(Decimal),
    /// A date.
    Date(Temporal),
    /// A moment.
    DateTime(Temporal),
    /// A time of day.
    Time(Temporal),
    /// A number with a unit.
    Quantity(Quantity),
    /// What `type()` answers: namespace and name.
    Type(&'static str, Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// How long the text of the value is, in the source if it is an element.
    pub(crate) fn length_bytes(&self) -> usize {
        match self {
            Value::Node(element) => {
                element.node.or(element.sibling).map_or(0, |node| node.end_offset().saturating_sub(node.offset()))
            }
            Value::String(text) => text.len(),
            _ => 0,
        }
    }

    /// The value that an element stands for in operators and functions; other values are themselves.
    /// A complex element that is no quantity stays an element; a primitive without a value has none.
    pub fn system(&self) -> Option<Value<'a>> {
        match self {
            Value::Node(element) => system(element),
            other => Some(other.clone()),
        }
    }

    /// The element, if the value is one.
    pub fn element(&self) -> Option<&Element<'a>> {
        match self {
            Value::Node(element) => Some(element),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_boolean(&self) -> Option<bool> {
        match self.system()? {
            Value::Boolean(value) => Some(value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<Cow<'a, str>> {
        match self.system()? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self.system()? {
            Value::Integer(value) => Some(value),
            _ => None,
        }
    }

    /// The value as JSON: dates and times as ISO text, a quantity as `value` and `unit`, an element as it is in the document, one that has nothing
    /// but extensions as these. A reference that could not be followed has none.
    pub fn to_json(&self) -> Option<serde_json::Value> {
        use serde_json::{Value as Json, json};
        Some(match self {
            Value::Node(element) => return Some(element.node.or(element.sibling)?.to_value()),
            Value::Boolean(value) => Json::Bool(*value),
            Value::String(text) => Json::String(text.clone().into_owned()),
            Value::Integer(value) => json!(value),
            Value::Decimal(value) => json_number(*value),
            Value::Date(value) | Value::DateTime(value) => Json::String(value.to_string()),
            Value::Time(value) => Json::String(value.time_text()),
            Value::Quantity(quantity) => json!({"value": json_number(quantity.value), "unit": quantity.shown_unit()}),
            Value::Type(namespace, name) => json!({"namespace": namespace, "name": name}),
        })
    }

    /// The text that `toString()` gives.
    pub fn to_text(&self) -> Option<String> {
        Some(match self.system()? {
            Value::Node(_) => return None,
            Value::Boolean(value) => value.to_string(),
            Value::String(text) => text.into_owned(),
            Value::Integer(value) => value.to_string(),
            Value::Decimal(value) => value.to_string(),
            Value::Date(value) | Value::DateTime(value) => value.to_string(),
            Value::Time(value) => value.time_text(),
            Value::Quantity(quantity) if quantity.is_calendar => {
                format!("{} {}", quantity.value, quantity.shown_unit())
            }
            Value::Quantity(quantity) => format!("{} '{}'", quantity.value, quantity.unit),
            Value::Type(namespace, name) => format!("{namespace}.{name}"),
        })
    }
}

fn system<'a>(element: &Element<'a>) -> Option<Value<'a>> {
    let node = element.node?;
    let type_name = element.type_name().unwrap_or_default();
    if node.is_object() {
        let is_quantity = matches!(
            type_name,
            "Quantity" | "Age" | "Duration" | "Count" | "Distance" | "Money" | "SimpleQuantity" | "MoneyQuantity"
        );
        return Some(match is_quantity.then(|| quantity(element)).flatten() {
            Some(quantity) => Value::Quantity(quantity),
            None => Value::Node(*element),
        });
    }
    if let Some(value) = node.as_bool() {
        return Some(Value::Boolean(value));
    }
    if let Some(text) = node.number_text() {
        return match text.parse::<i64>() {
            Ok(value) if type_name != "decimal" => Some(Value::Integer(value)),
            _ => decimal(text).map(Value::Decimal),
        };
    }
    let text = node.as_str()?;
    let parsed = match type_name {
        "date" => Temporal::parse_date(&text).map(Value::Date),
        "dateTime" | "instant" => Temporal::parse_date_time(&text).map(Value::DateTime),
        "time" => Temporal::parse_time(&text).map(Value::Time),
        _ => None,
    };
    Some(parsed.unwrap_or(Value::String(text)))
}

/// A decimal as a JSON number with the digits that it has.
fn json_number(value: Decimal) -> serde_json::Value {
    serde_json::from_str(&value.to_string()).unwrap_or_default()
}

/// A JSON number as a decimal; more digits than 28 are rounded.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) {
        return Decimal::from_scientific(text).ok();
    }
    text.parse().ok()
}

fn quantity(element: &Element<'_>) -> Option<Quantity> {
    let value = decimal(element.node?.get("value")?.number_text()?)?;
    let unit = element.text("code").or_else(|| element.text("unit")).or_else(|| element.text("currency"));
    // `{years}`-like units of the FHIR type are UCUM codes: `a` stays UCUM and compares as such.
    Some(Quantity::new(value, unit.as_deref().unwrap_or("1")))
}
