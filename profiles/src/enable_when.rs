//! Whether the answers so far enable an item: <https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen>.

use std::cmp::Ordering;

use fhir::{FhirDate, Kind, Node};

use crate::form::Form;
use crate::questionnaire_response::list;

/// Evaluates the conditions of an item; those that lie outside these rules leave it enabled.
pub(crate) fn is_enabled(asked: Node<'_>, form: &Form<'_>) -> bool {
    let conditions: Vec<Node<'_>> = list(asked, "enableWhen").collect();
    let mut outcomes = conditions.iter().map(|condition| holds(*condition, form));
    match asked.str("enableBehavior").as_deref() {
        _ if conditions.is_empty() => true,
        Some("any") => outcomes.any(|outcome| outcome),
        _ => outcomes.all(|outcome| outcome),
    }
}

fn holds(condition: Node<'_>, form: &Form<'_>) -> bool {
    let (Some(question), Some(operator)) = (condition.str("question"), condition.str("operator")) else { return true };
    let answers = form.answers(&question);
    let Some(wanted) = value(condition, "answer") else { return true };
    match &*operator {
        "exists" => wanted.as_bool() == Some(!answers.is_empty()),
        "=" => answers.iter().any(|answer| compare(*answer, wanted) == Some(Ordering::Equal)),
        "!=" => !answers.iter().any(|answer| compare(*answer, wanted) == Some(Ordering::Equal)),
        _ => answers.iter().any(|answer| {
            let order = compare(*answer, wanted);
            match &*operator {
                ">" => order == Some(Ordering::Greater),
                "<" => order == Some(Ordering::Less),
                ">=" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
                "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                _ => true,
            }
        }),
    }
}

/// Gives the value of a choice element.
pub(crate) fn value<'n>(node: Node<'n>, name: &str) -> Option<Node<'n>> {
    node.members().find(|(key, _)| key.strip_prefix(name).is_some_and(is_type)).map(|(_, value)| value)
}

/// Gives the JSON name of the type that a choice element took, as `Quantity` or `DateTime`.
pub(crate) fn value_type(node: Node<'_>, name: &str) -> Option<String> {
    node.members().find_map(|(key, _)| key.strip_prefix(name).filter(|rest| is_type(rest)).map(str::to_owned))
}

fn is_type(suffix: &str) -> bool {
    suffix.starts_with(|letter: char| letter.is_ascii_uppercase())
}

/// Compares two answers of one kind; codings are equal or not.
pub(crate) fn compare(left: Node<'_>, right: Node<'_>) -> Option<Ordering> {
    match (left.kind(), right.kind()) {
        (Kind::Number, Kind::Number) => number(left)?.partial_cmp(&number(right)?),
        (Kind::Bool, Kind::Bool) => Some(left.as_bool()?.cmp(&right.as_bool()?)),
        (Kind::String, Kind::String) => {
            let (left, right) = (left.as_str()?, right.as_str()?);
            match (FhirDate::parse(&left), FhirDate::parse(&right)) {
                (Some(left), Some(right)) => Some(left.range().0.cmp(&right.range().0)),
                _ => Some(left.cmp(&right)),
            }
        }
        (Kind::Object, Kind::Object) if left.get("value").is_some() => {
            let unit = |node: Node<'_>| {
                (node.str("system").map(|own| own.into_owned()), node.str("code").map(|own| own.into_owned()))
            };
            if unit(left) != unit(right) {
                return None;
            }
            number(left.get("value")?)?.partial_cmp(&number(right.get("value")?)?)
        }
        (Kind::Object, Kind::Object) => {
            let same = |key: &str| left.str(key) == right.str(key);
            let is_equal = same("code") && (same("system") || right.str("system").is_none()) && same("reference");
            Some(if is_equal { Ordering::Equal } else { Ordering::Less })
        }
        _ => None,
    }
}

/// Reads a number for comparing; answers are far from where a double loses digits that decide.
pub(crate) fn number(node: Node<'_>) -> Option<f64> {
    node.number_text()?.parse().ok()
}
