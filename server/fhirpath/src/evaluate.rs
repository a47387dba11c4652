//! Evaluation of the compiled form over a document. Nothing is copied from the document but on conversion.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use crate::ast::{Expr, Literal, Namespace, Operator, Step, TypeName};
use crate::context::Context;
use crate::element::Sink;
use crate::equality;
use crate::error::FhirpathError;
use crate::functions::Call;
use crate::operators;
use crate::value::Value;

/// How much text counts as one step.
pub(crate) const BYTES_PER_STEP: usize = 64;

/// A collection.
pub(crate) type Items<'a> = Vec<Value<'a>>;
/// The outcome of an evaluation.
pub(crate) type Outcome<'a> = Result<Items<'a>, FhirpathError>;

/// What `$this`, `$index` and `$total` mean at a place of the expression.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s, 'a> {
    pub(crate) this: &'s Value<'a>,
    pub(crate) index: Option<usize>,
    pub(crate) total: Option<&'s [Value<'a>]>,
}

/// One evaluation: its context, budget and variables.
pub(crate) struct Evaluator<'c, 'a> {
    pub(crate) context: &'c Context<'a>,
    /// `%context`: what the evaluation began with.
    focus: &'c Value<'a>,
    steps: Cell<u64>,
    fault_offset: Cell<Option<u32>>,
    variables: RefCell<Vec<(String, Items<'a>)>>,
}

impl<'c, 'a> Evaluator<'c, 'a> {
    pub(crate) fn new(context: &'c Context<'a>, focus: &'c Value<'a>) -> Evaluator<'c, 'a> {
        let (steps, fault_offset) = (Cell::new(0), Cell::new(None));
        Evaluator { context, focus, steps, fault_offset, variables: RefCell::new(Vec::new()) }
    }

    /// Where in the expression the first fault was.
    pub(crate) fn fault_offset(&self) -> Option<u32> {
        self.fault_offset.get()
    }

    /// Notes the place of a fault; the innermost is the first to do so.
    pub(crate) fn locate<T>(&self, outcome: Result<T, FhirpathError>, offset: u32) -> Result<T, FhirpathError> {
        if outcome.is_err() && self.fault_offset.get().is_none() {
            self.fault_offset.set(Some(offset));
        }
        outcome
    }

    /// Counts work against the budget.
    pub(crate) fn spend(&self, steps: usize) -> Result<(), FhirpathError> {
        let spent = self.steps.get().saturating_add(steps as u64);
        self.steps.set(spent);
        if spent > self.context.steps_max { Err(FhirpathError::TooManySteps) } else { Ok(()) }
    }

    /// Adds the steps that were taken to those of the context.
    pub(crate) fn count_steps(&self) {
        let taken = &self.context.steps_taken;
        taken.set(taken.get().saturating_add(self.steps.get()));
    }

    /// Counts the copying of values: a long text counts for many.
    pub(crate) fn spend_copy(&self, items: &[Value<'a>]) -> Result<(), FhirpathError> {
        let texts = items.iter().map(|item| match item {
            Value::String(Cow::Owned(text)) => text.len() / BYTES_PER_STEP,
            _ => 0,
        });
        self.spend(texts.fold(items.len(), usize::saturating_add))
    }

    /// Counts a text that is looked through or made.
    pub(crate) fn spend_text(&self, length_bytes: usize) -> Result<(), FhirpathError> {
        self.spend(length_bytes / BYTES_PER_STEP)
    }

    /// Counts the comparison of each item of one collection with each of another.
    pub(crate) fn spend_pairs(&self, left: &[Value<'a>], right: &[Value<'a>]) -> Result<(), FhirpathError> {
        let of_left = weight(left).saturating_mul(right.len());
        let of_right = weight(right).saturating_mul(left.len());
        self.spend(left.len().saturating_mul(right.len()).saturating_add(of_left).saturating_add(of_right))
    }

    /// Counts the comparison of each item of two collections with those before it.
    pub(crate) fn spend_union(&self, left: &[Value<'a>], right: &[Value<'a>]) -> Result<(), FhirpathError> {
        let count = left.len().saturating_add(right.len());
        let heavy = weight(left).saturating_add(weight(right));
        self.spend((count.saturating_mul(count) / 2).saturating_add(heavy.saturating_mul(count)))
    }

    pub(crate) fn evaluate(&self, expression: &Expr, scope: Scope<'_, 'a>) -> Outcome<'a> {
        self.spend(1)?;
        match expression {
            Expr::Empty => Ok(Vec::new()),
            Expr::Literal(literal) => Ok(vec![constant(literal)]),
            Expr::This => {
                self.spend_copy(std::slice::from_ref(scope.this))?;
                Ok(vec![scope.this.clone()])
            }
            Expr::Index => Ok(scope.index.map(|index| Value::Integer(index as i64)).into_iter().collect()),
            Expr::Total => {
                self.spend_copy(scope.total.unwrap_or_default())?;
                Ok(scope.total.unwrap_or_default().to_vec())
            }
            Expr::Variable { name, offset } => {
                let items = self.locate(self.variable(name), *offset)?;
                self.spend_copy(&items)?;
                Ok(items)
            }
            Expr::Path { base, steps } => self.path(base.as_deref(), steps, scope),
            Expr::Call { base, function, arguments, pattern, offset } => {
                let input = self.input(base.as_deref(), scope)?;
                self.spend(input.len())?;
                let call = Call { function: *function, evaluator: self, arguments, pattern: pattern.as_ref(), scope };
                self.locate(call.call(input), *offset)
            }
            Expr::Item { base, index, offset } => self.locate(self.item(base, index, scope), *offset),
            Expr::Negate { value, offset } => {
                let value = self.evaluate(value, scope)?;
                self.locate(operators::negate(value), *offset)
            }
            Expr::Binary { .. } => self.binary(expression, scope),
            Expr::Is { value, type_name, offset } => {
                let value = self.evaluate(value, scope)?;
                self.locate(self.is_type(value, type_name), *offset)
            }
            Expr::OfType { value, type_name, is_single, offset } => {
                let input = self.input(value.as_deref(), scope)?;
                self.locate(self.of_type(input, type_name, *is_single), *offset)
            }
        }
    }

    fn is_type(&self, value: Items<'a>, type_name: &TypeName) -> Outcome<'a> {
        let Some(value) = single(value, "is")? else { return Ok(Vec::new()) };
        Ok(vec![Value::Boolean(self.is_of(&value, type_name)?)])
    }

    fn item(&self, base: &Expr, index: &Expr, scope: Scope<'_, 'a>) -> Outcome<'a> {
        let items = self.evaluate(base, scope)?;
        let Some(index) = single(self.scoped(index, scope)?, "[]")? else { return Ok(Vec::new()) };
        let index = index.as_integer().ok_or(FhirpathError::WrongType("[]"))?;
        let index = usize::try_from(index).ok();
        Ok(index.and_then(|index| items.into_iter().nth(index)).into_iter().collect())
    }

    fn of_type(&self, mut input: Items<'a>, type_name: &TypeName, is_single: bool) -> Outcome<'a> {
        if is_single && self.context.is_strict && input.len() > 1 {
            return Err(FhirpathError::NotSingle("as"));
        }
        let mut fault = None;
        input.retain(|item| match self.is_of(item, type_name) {
            Ok(is_wanted) => is_wanted && is_exact(item, type_name),
            Err(error) => {
                fault = Some(error);
                false
            }
        });
        fault.map_or(Ok(input), Err)
    }

    /// Evaluates, and forgets the variables that were defined on the way.
    pub(crate) fn scoped(&self, expression: &Expr, scope: Scope<'_, 'a>) -> Outcome<'a> {
        self.apart(|| self.evaluate(expression, scope))
    }

    /// Forgets the variables that are defined on the way.
    pub(crate) fn apart<T>(&self, work: impl FnOnce() -> T) -> T {
        let defined = self.variables.borrow().len();
        let outcome = work();
        self.variables.borrow_mut().truncate(defined);
        outcome
    }

    fn input(&self, base: Option<&Expr>, scope: Scope<'_, 'a>) -> Outcome<'a> {
        base.map_or_else(|| Ok(vec![scope.this.clone()]), |base| self.evaluate(base, scope))
    }

    fn path(&self, base: Option<&Expr>, steps: &[Step], scope: Scope<'_, 'a>) -> Outcome<'a> {
        let mut found = Vec::new();
        match base {
            None => self.walk(scope.this, steps, &mut |value| found.push(value)),
            Some(base) => {
                for item in self.evaluate(base, scope)? {
                    self.walk(&item, steps, &mut |value| found.push(value));
                }
            }
        }
        self.spend(found.len())?;
        Ok(found)
    }

    pub(crate) fn walk(&self, value: &Value<'a>, steps: &[Step], out: Sink<'_, 'a>) {
        let Some((step, rest)) = steps.split_first() else {
            out(value.clone());
            return;
        };
        match value {
            Value::Node(element) => {
                if step.may_be_type && element.is_a(&step.name, self.context.definitions) {
                    self.walk(value, rest, out);
                } else if rest.is_empty() {
                    element.push_children(step, self.context.definitions, out);
                } else {
                    element.push_children(step, self.context.definitions, &mut |child| self.walk(&child, rest, out));
                }
            }
            Value::Quantity(quantity) if rest.is_empty() => match &*step.name {
                "value" => out(Value::Decimal(quantity.value)),
                "unit" => out(Value::String(quantity.shown_unit().into())),
                _ => {}
            },
            Value::Type(namespace, name) => match &*step.name {
                "namespace" => out(Value::String((*namespace).into())),
                "name" => out(Value::String(name.clone())),
                _ => {}
            },
            _ => {}
        }
    }

    fn variable(&self, name: &str) -> Outcome<'a> {
        let defined = self.variables.borrow().iter().rev().find(|(known, _)| known == name).map(|(_, v)| v.clone());
        let given = || self.context.variables.iter().find(|(known, _)| known == name).map(|(_, v)| v.clone());
        if let Some(items) = defined.or_else(given) {
            return Ok(items);
        }
        let text = |text: String| Ok(vec![Value::String(text.into())]);
        match name {
            "context" => Ok(vec![self.focus.clone()]),
            "resource" => Ok(self.context.resource.iter().cloned().collect()),
            "rootResource" => Ok(self.context.root_resource.iter().cloned().collect()),
            "ucum" => text("http://unitsofmeasure.org".into()),
            "sct" => text("http://snomed.info/sct".into()),
            "loinc" => text("http://loinc.org".into()),
            _ => match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                (Some(set), _) => text(format!("http://hl7.org/fhir/ValueSet/{set}")),
                (_, Some(extension)) => text(format!("http://hl7.org/fhir/StructureDefinition/{extension}")),
                _ => Err(FhirpathError::UnknownVariable(name.to_owned())),
            },
        }
    }

    /// Defines a variable for the rest of the chain.
    pub(crate) fn define(&self, name: String, items: Items<'a>) -> Result<(), FhirpathError> {
        let is_reserved = matches!(name.as_str(), "context" | "resource" | "rootResource" | "ucum" | "sct" | "loinc");
        if is_reserved || self.variables.borrow().iter().any(|(known, _)| *known == name) {
            return Err(FhirpathError::DefinedTwice(name));
        }
        self.variables.borrow_mut().push((name, items));
        Ok(())
    }

    /// A chain of operators nests to the left: it is walked in a loop, so that a long one does not take a deep stack.
    fn binary(&self, chain: &Expr, scope: Scope<'_, 'a>) -> Outcome<'a> {
        if matches!(chain, Expr::Binary { operator, .. } if operator.is_logical()) {
            return Ok(operators::boolean(self.logical(chain, scope)?));
        }
        let mut rights = Vec::new();
        let mut leftmost = chain;
        while let Expr::Binary { operator, left, right, offset } = leftmost {
            rights.push((*operator, &**right, *offset));
            leftmost = left;
        }
        let mut left = self.scoped(leftmost, scope)?;
        for (operator, right, offset) in rights.into_iter().rev() {
            left = self.locate(self.apply(operator, left, right, scope), offset)?;
        }
        Ok(left)
    }

    fn apply(&self, operator: Operator, left: Items<'a>, right: &Expr, scope: Scope<'_, 'a>) -> Outcome<'a> {
        self.spend(1)?;
        if operator.is_logical() {
            let left = truth(&left)?;
            // A decided left side spares the right one, which may be the dear one.
            let found = match operators::decided(operator, left) {
                Some(decided) => Some(decided),
                None => operators::logic(operator, left, self.holds_apart(right, scope)?),
            };
            return Ok(operators::boolean(found));
        }
        if let Some(is_equal) = equals_constant(operator, &left, right) {
            self.spend(weight(&left))?;
            return Ok(vec![Value::Boolean(is_equal)]);
        }
        let right = self.scoped(right, scope)?;
        match operator {
            Operator::Union => self.spend_union(&left, &right)?,
            Operator::In | Operator::Contains => self.spend_pairs(&left, &right)?,
            Operator::Equivalent | Operator::NotEquivalent => {
                let is_equivalent = equality::equivalent(&left, &right, &|steps| self.spend(steps).is_ok());
                // A comparison that was cut short has no answer.
                self.spend(0)?;
                return Ok(vec![Value::Boolean(is_equivalent == (operator == Operator::Equivalent))]);
            }
            _ => self.spend(weight(&left).saturating_add(weight(&right)))?,
        }
        if matches!(operator, Operator::Concatenate | Operator::Add) {
            // The text of an element is copied as well.
            self.spend_text(length_bytes(&left).saturating_add(length_bytes(&right)))?;
        }
        operators::apply(operator, left, right)
    }

    /// Whether a value is of a type.
    pub(crate) fn is_of(&self, value: &Value<'a>, wanted: &TypeName) -> Result<bool, FhirpathError> {
        let name = wanted.name.as_str();
        let is_system = |known: &str| wanted.namespace != Some(Namespace::Fhir) && known == name;
        Ok(match value {
            Value::Node(element) => {
                if wanted.namespace != Some(Namespace::System) && element.is_a(name, self.context.definitions) {
                    return Ok(true);
                }
                self.check_known(wanted)?;
                false
            }
            Value::Boolean(_) => is_system("Boolean"),
            Value::String(_) => is_system("String"),
            Value::Integer(_) => is_system("Integer"),
            Value::Decimal(_) => is_system("Decimal"),
            Value::Date(_) => is_system("Date"),
            Value::DateTime(_) => is_system("DateTime"),
            Value::Time(_) => is_system("Time"),
            Value::Quantity(_) => is_system("Quantity"),
            Value::Type(..) => false,
        })
    }

    fn check_known(&self, wanted: &TypeName) -> Result<(), FhirpathError> {
        let is_system = matches!(
            wanted.name.as_str(),
            "Boolean" | "String" | "Integer" | "Decimal" | "Date" | "DateTime" | "Time" | "Quantity" | "Any"
        );
        let is_known = match wanted.namespace {
            // An unknown System type has no items; it cannot be a slip in the name of an element type.
            Some(Namespace::System) => true,
            _ => is_system || self.context.definitions.type_named(&wanted.name).is_some(),
        };
        if is_known { Ok(()) } else { Err(FhirpathError::UnknownType(wanted.name.clone())) }
    }
}

/// `as` and `ofType` take a primitive by its own type only: a code `is` a string and is not had by `ofType(string)`.
fn is_exact(item: &Value<'_>, wanted: &TypeName) -> bool {
    let primitive = item.element().filter(|element| element.is_primitive());
    primitive.and_then(|element| element.type_name()).is_none_or(|name| name == wanted.name)
}

/// The outcome of `element = 'text'`, the most frequent operation, without making values of its sides.
fn equals_constant(operator: Operator, left: &[Value<'_>], right: &Expr) -> Option<bool> {
    let ([Value::Node(element)], Expr::Literal(Literal::String(text))) = (left, right) else { return None };
    let is_negated = match operator {
        Operator::Equal => false,
        Operator::NotEqual => true,
        _ => return None,
    };
    element.is_text(text).map(|is_equal| is_equal != is_negated)
}

fn constant<'a>(literal: &Literal) -> Value<'a> {
    match literal {
        Literal::Boolean(value) => Value::Boolean(*value),
        Literal::String(text) => Value::String(text.clone().into()),
        Literal::Integer(value) => Value::Integer(*value),
        Literal::Decimal(value) => Value::Decimal(*value),
        Literal::Date(value) => Value::Date(*value),
        Literal::DateTime(value) => Value::DateTime(*value),
        Literal::Time(value) => Value::Time(*value),
        Literal::Quantity(value) => Value::Quantity(value.clone()),
    }
}

/// How much source text the items have, whether they are elements or were made.
pub(crate) fn length_bytes(items: &[Value<'_>]) -> usize {
    items.iter().map(Value::length_bytes).fold(0, usize::saturating_add)
}

/// What comparing the items as a whole takes, beyond a step for each.
pub(crate) fn weight(items: &[Value<'_>]) -> usize {
    items.iter().map(item_weight).fold(0, usize::saturating_add)
}

/// What comparing one item takes, beyond its step: an object has far more parts in its text than a string.
pub(crate) fn item_weight(item: &Value<'_>) -> usize {
    let is_object = item.element().is_some_and(|element| !element.is_primitive());
    item.length_bytes() / if is_object { BYTES_PER_STEP / 8 } else { BYTES_PER_STEP }
}

/// The only item of a collection, if it has one.
pub(crate) fn single<'a>(items: Items<'a>, what: &'static str) -> Result<Option<Value<'a>>, FhirpathError> {
    if items.len() > 1 {
        return Err(FhirpathError::NotSingle(what));
    }
    Ok(items.into_iter().next())
}

/// The truth of a collection: of its only boolean, or true of any other single item.
pub(crate) fn truth(items: &[Value<'_>]) -> Result<Option<bool>, FhirpathError> {
    match items {
        [] => Ok(None),
        [item] => Ok(match item.system() {
            Some(Value::Boolean(value)) => Some(value),
            _ => Some(true),
        }),
        _ => Err(FhirpathError::NotSingle("a condition")),
    }
}
