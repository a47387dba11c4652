//! Whether the answers so far enable an item: <https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen>.

use std::cmp::Ordering;

use fhir::{FhirDate, Kind, Node};

use crate::cost::Budget;
use crate::form::Form;
use crate::questionnaire_response::list;

/// Evaluates the conditions of an item; those that lie outside these rules leave it enabled, and `None` is where there are too many answers.
pub(crate) fn is_enabled(asked: Node<'_>, form: &Form<'_>, budget: &Budget) -> Option<bool> {
    let conditions: Vec<Node<'_>> = list(asked, "enableWhen").collect();
    let is_any = asked.str("enableBehavior").as_deref() == Some("any");
    for condition in &conditions {
        if holds(*condition, form, budget)? == is_any {
            return Some(is_any);
        }
    }
    Some(!is_any || conditions.is_empty())
}

fn holds(condition: Node<'_>, form: &Form<'_>, budget: &Budget) -> Option<bool> {
    let (Some(question), Some(operator)) = (condition.str("question"), condition.str("operator")) else {
        return Some(true);
    };
    let answers = form.answers(&question);
    let Some(wanted) = value(condition, "answer") else { return Some(true) };
    if operator == "exists" {
        return Some(wanted.as_bool() == Some(!answers.is_empty()));
    }
    if !budget.spend(answers.len()) {
        return None;
    }
    let any =
        |accepts: &dyn Fn(Option<Ordering>) -> bool| answers.iter().any(|answer| accepts(compare(*answer, wanted)));
    Some(match &*operator {
        "=" => any(&|order| order == Some(Ordering::Equal)),
        "!=" => !any(&|order| order == Some(Ordering::Equal)),
        ">" => any(&|order| order == Some(Ordering::Greater)),
        "<" => any(&|order| order == Some(Ordering::Less)),
        ">=" => any(&|order| matches!(order, Some(Ordering::Greater | Ordering::Equal))),
        "<=" => any(&|order| matches!(order, Some(Ordering::Less | Ordering::Equal))),
        _ => !answers.is_empty(),
    })
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
