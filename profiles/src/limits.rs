//! The limits that a profile sets on one value: its length, its least and greatest.
//! <https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.minValue_x_>

use fhir::{Kind, Node};
use fhirpath::{Element, Expression};
use serde_json::Value;

use crate::slicing::definition_text;
use crate::walk::{Place, Walk};

/// Limits on the size of a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    /// The most characters of a text.
    pub(crate) length_max: Option<u64>,
    bounds: Vec<Bound>,
}

/// One bound, as the FHIRPath comparison that it is: that one knows dates and units.
#[derive(Debug, Clone)]
struct Bound {
    expression: Box<Expression>,
    says: String,
    /// The clock, to which a duration as the bound of a date or time is added; `None` for bounds that stand by themselves.
    clock: Option<&'static str>,
}

/// What UCUM calls the durations that dates are reckoned by.
const DURATIONS: [(&str, &str); 7] = [
    ("a", "years"),
    ("mo", "months"),
    ("wk", "weeks"),
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
];
/// The clock for each type that a duration may bound.
const CLOCKS: [(&str, &str); 3] = [("date", "today()"), ("dateTime", "now()"), ("instant", "now()")];

impl Limits {
    /// Adds a `minValue[x]` or `maxValue[x]`; one of a type without order is passed over.
    pub(crate) fn add(&mut self, key: &str, value: &Value) {
        let (operator, word) = if key.starts_with("min") { (">=", "least") } else { ("<=", "most") };
        let literal = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) if key.ends_with("Time") && !key.ends_with("DateTime") => format!("@T{text}"),
            Value::String(text) => format!("@{text}"),
            Value::Object(quantity) => {
                let text = |key: &str| quantity.get(key).and_then(Value::as_str);
                let number = quantity.get("value").map(Value::to_string).unwrap_or_default();
                format!("{number} '{}'", text("code").or_else(|| text("unit")).unwrap_or("1"))
            }
            _ => return,
        };
        let says = format!("at {word} `{}`", definition_text(value));
        self.add_bound(&format!("$this {operator} {literal}"), &says, None);
        let Some(duration) = duration(value) else { return };
        for clock in ["today()", "now()"] {
            let says = format!("{says} from now");
            self.add_bound(&format!("$this {operator} {clock} {duration}"), &says, Some(clock));
        }
    }

    fn add_bound(&mut self, source: &str, says: &str, clock: Option<&'static str>) {
        if let Ok(expression) = Expression::parse(source) {
            self.bounds.push(Bound { expression: Box::new(expression), says: says.to_owned(), clock });
        }
    }

    fn is_none(&self) -> bool {
        self.length_max.is_none() && self.bounds.is_empty()
    }
}

/// Writes a quantity of time as what is to be added to a clock, as `+ 10 years`.
fn duration(value: &Value) -> Option<String> {
    let code = value.get("code").or(value.get("unit"))?.as_str()?;
    let (_, word) = DURATIONS.iter().find(|(own, _)| *own == code)?;
    let number = value.get("value").filter(|number| number.is_number())?.to_string();
    Some(match number.strip_prefix('-') {
        Some(number) => format!("- {number} {word}"),
        None => format!("+ {number} {word}"),
    })
}

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds a value against the limits.
    pub(crate) fn limits(&mut self, place: Place<'_, 'a>, limits: &Limits, type_code: Option<&str>) {
        if limits.is_none() {
            return;
        }
        let node: Node<'a> = place.node;
        if let (Some(max), Kind::String) = (limits.length_max, node.kind()) {
            let length = node.as_str().map(|text| text.chars().count()).unwrap_or_default();
            if u64::try_from(length).unwrap_or(u64::MAX) > max {
                self.error(place, "too-long", || format!("found {length} characters, at most {max} are allowed"));
            }
        }
        let clock = CLOCKS.iter().find(|(own, _)| Some(*own) == type_code).map(|(_, clock)| *clock);
        // A duration bounds a date by the clock, and a quantity by itself.
        let is_bounded = |bound: &&Bound| bound.clock.is_none() || bound.clock == clock;
        for bound in limits.bounds.iter().filter(is_bounded) {
            let element = Element::new(node, type_code, self.validator.definitions());
            // What cannot be compared, as grams with metres, says nothing.
            if self.answer(&bound.expression, element) == Ok(Some(false)) {
                self.error(place, "value", || format!("the value is out of bounds, expected {}", bound.says));
            }
        }
    }
}
