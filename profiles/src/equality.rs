//! Fixed and pattern values held against a resource: <https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_>.

use fhir::{Kind, Node};
use serde_json::Value;

/// Says whether a value is exactly the fixed one.
pub(crate) fn is_fixed(node: Node<'_>, fixed: &Value) -> bool {
    match fixed {
        Value::Object(fields) => {
            node.is_object()
                && node.len() == fields.len()
                && fields.iter().all(|(key, value)| node.get(key).is_some_and(|child| is_fixed(child, value)))
        }
        Value::Array(values) => {
            node.is_array()
                && node.len() == values.len()
                && node.items().zip(values).all(|(item, value)| is_fixed(item, value))
        }
        _ => is_scalar(node, fixed),
    }
}

/// Says whether a value holds at least what the pattern holds.
pub(crate) fn has_pattern(node: Node<'_>, pattern: &Value) -> bool {
    match pattern {
        Value::Object(fields) => {
            node.is_object()
                && fields.iter().all(|(key, value)| node.get(key).is_some_and(|child| has_pattern(child, value)))
        }
        Value::Array(values) => values.iter().all(|value| node.items().any(|item| has_pattern(item, value))),
        _ => is_scalar(node, pattern),
    }
}

fn is_scalar(node: Node<'_>, value: &Value) -> bool {
    match (node.kind(), value) {
        (Kind::String, Value::String(text)) => node.as_str().as_deref() == Some(text),
        // `1.0` and `1.00` are different decimals in FHIR, so texts are compared.
        (Kind::Number, Value::Number(number)) => node.number_text() == Some(number.to_string().as_str()),
        (Kind::Bool, Value::Bool(truth)) => node.as_bool() == Some(*truth),
        _ => false,
    }
}
