//! Invariants: <https://hl7.org/fhir/R4/conformance-rules.html#constraints>. Each is compiled once.

use definitions::{ConstraintDef, ConstraintSeverity, ElementDef};
use fhir::Severity;
use fhirpath::{Context, Element, Expression, Temporal, Value};
use serde_json::Value as Definition;

use crate::presence::Presence;
use crate::walk::{Place, Walk};

const BEST_PRACTICE: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice";

/// The rules that other parts of the walk look after, with better words and without FHIRPath: what every element must have, local
/// references, periods, narrative, contained resources, and the entries of Bundles, which may be many.
const ELSEWHERE: [&str; 13] = [
    "ele-1", "ref-1", "per-1", "txt-1", "txt-2", "dom-2", "dom-3", "dom-4", "dom-5", "dom-6", "bdl-3", "bdl-4", "bdl-7",
];

/// Invariants that mean another thing than they say, since on what is not there they have no answer, or since FHIR does not have the type
/// that they ask for (`que-7`), with what they mean.
const MEANT: [(&str, &str); 5] = [
    ("operator = 'exists' implies (answer is Boolean)", "operator = 'exists' implies (answer is boolean)"),
    ("($this as dateTime).toString().length() >= 8", "($this is dateTime) implies toString().length() >= 8"),
    ("fullUrl.contains('/_history/').not()", "fullUrl.empty() or fullUrl.contains('/_history/').not()"),
    (
        "probability is decimal implies (probability as decimal) <= 100",
        "probability.empty() or ((probability is decimal) implies ((probability as decimal) <= 100))",
    ),
    (
        "isModifier implies isModifierReason.exists()",
        "isModifier.empty() or (isModifier implies isModifierReason.exists())",
    ),
];

/// A compiled invariant.
#[derive(Debug, Clone)]
pub(crate) struct Constraint {
    pub(crate) key: String,
    severity: Severity,
    is_advice: bool,
    /// What it says in words where the definition has any, else its expression.
    meaning: String,
    check: Check,
}

#[derive(Debug, Clone)]
enum Check {
    /// Which members are there decides.
    Presence(Presence),
    Expression(Box<Expression>),
    /// Why the expression cannot be compiled.
    Unreadable(String),
}

impl Constraint {
    /// Compiles an invariant of a type; `None` for those that are looked after elsewhere.
    pub(crate) fn of_type(rule: &ConstraintDef, elements: &[ElementDef]) -> Option<Self> {
        if ELSEWHERE.contains(&rule.key.as_str()) {
            return None;
        }
        let severity = match rule.severity {
            ConstraintSeverity::Error => Severity::Error,
            ConstraintSeverity::Warning => Severity::Warning,
        };
        Self::new(&rule.key, &rule.expression, severity, rule.is_best_practice, elements)
    }

    /// Compiles an invariant of a profile's element.
    pub(crate) fn of_profile(rule: &Definition) -> Option<Self> {
        let text = |key| rule.get(key).and_then(Definition::as_str);
        let key = text("key")?;
        if ELSEWHERE.contains(&key) {
            return None;
        }
        let severity = if text("severity") == Some("error") { Severity::Error } else { Severity::Warning };
        let extensions = rule.get("extension").and_then(Definition::as_array).into_iter().flatten();
        let is_advice = extensions
            .filter(|one| one.get("url").and_then(Definition::as_str) == Some(BEST_PRACTICE))
            .any(|one| one.get("valueBoolean").and_then(Definition::as_bool) == Some(true));
        let own = Self::new(key, text("expression")?, severity, is_advice, &[])?;
        let meaning = text("human").map_or(own.meaning, str::to_owned);
        Some(Self { meaning, ..own })
    }

    fn new(key: &str, source: &str, severity: Severity, is_advice: bool, elements: &[ElementDef]) -> Option<Self> {
        if source.is_empty() {
            return None;
        }
        let meant = MEANT.iter().find(|(said, _)| *said == source);
        let source = meant.map_or(source, |(_, meant)| *meant);
        let meaning = format!("`{source}`");
        let check = match Presence::parse(source, elements) {
            Some(presence) => Check::Presence(presence),
            None => match Expression::parse(source) {
                Ok(expression) => Check::Expression(Box::new(expression)),
                Err(error) => Check::Unreadable(error.to_string()),
            },
        };
        Some(Self { key: key.to_owned(), severity, is_advice, meaning, check })
    }
}

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds an element against invariants; `element` gives it with its type.
    pub(crate) fn constraints(
        &mut self,
        place: Place<'_, 'a>,
        constraints: &[Constraint],
        element: &dyn Fn() -> Element<'v>,
    ) {
        for constraint in constraints {
            if constraint.is_advice && !self.options.advice {
                continue;
            }
            let outcome = match &constraint.check {
                Check::Presence(presence) => Ok(presence.holds(place.node)),
                Check::Unreadable(reason) => Err(reason.clone()),
                Check::Expression(expression) => self.holds(expression, element()),
            };
            let base = place.rule.map_or_else(|| place.base_rule(), str::to_owned);
            let key = &constraint.key;
            match outcome {
                Ok(true) => {}
                Ok(false) => {
                    let severity = if constraint.is_advice { Severity::Warning } else { constraint.severity };
                    let rule = format!("{base}#{key}");
                    let place = Place { rule: Some(&rule), ..place };
                    let meaning = &constraint.meaning;
                    self.report(severity, place, "invariant", || format!("the rule `{key}` does not hold: {meaning}"));
                }
                Err(reason) => self.report(Severity::Warning, place, "processing", || {
                    format!("the rule `{key}` cannot be evaluated: {reason}")
                }),
            }
        }
    }

    fn holds(&self, expression: &Expression, element: Element<'_>) -> Result<bool, String> {
        // As in the reference, a rule without an answer does not hold.
        self.answer(expression, element).map(|answer| answer == Some(true))
    }

    /// Evaluates an expression on an element of the resource that is walked; `None` when the answer is empty.
    pub(crate) fn answer(&self, expression: &Expression, element: Element<'_>) -> Result<Option<bool>, String> {
        expression.holds(&Value::Node(element), &self.fhirpath_context()).map_err(|error| error.to_string())
    }

    /// Gives what expressions on the resource that is walked may know.
    pub(crate) fn fhirpath_context<'c>(&'c self) -> Context<'c>
    where
        'v: 'c,
    {
        let definitions = self.validator.definitions();
        let mut context = Context::new(self.resource, definitions, self.around);
        context.now = self.options.now.and_then(|now| Temporal::from_instant(now.0));
        if self.resource != self.container {
            context.root_resource = Some(Value::Node(Element::new(self.container, None, definitions)));
        }
        context
    }

    /// What every element without a value must have (`ele-1`): more than an id.
    pub(crate) fn content(&mut self, place: Place<'_, 'a>) {
        let mut entries = place.node.entries();
        if let (Some((name, _)), None) = (entries.next(), entries.next())
            && name.as_str().as_deref() == Some("id")
        {
            self.error(place, "invariant", || "an element must have more than an id (`ele-1`)".to_owned());
        }
    }
}
