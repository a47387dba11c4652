//! An expression, compiled once and evaluated often.

use definitions::Definitions;

use crate::ast::{Expr, Namespace, Operator};
use crate::check;
use crate::context::Context;
use crate::error::{Fault, FhirpathError};
use crate::evaluate::{Evaluator, Items, Scope};
use crate::functions::Function;
use crate::parser;
use crate::value::Value;

/// A compiled FHIRPath expression. <http://hl7.org/fhirpath/N1/>
#[derive(Debug, Clone)]
pub struct Expression {
    pub(crate) root: Expr,
}

impl Expression {
    /// Compiles an expression.
    pub fn parse(source: &str) -> Result<Expression, FhirpathError> {
        parser::parse(source).map(|root| Expression { root })
    }

    /// Evaluates the expression on a focus.
    pub fn evaluate<'a>(&self, focus: &Value<'a>, context: &Context<'a>) -> Result<Items<'a>, FhirpathError> {
        let evaluator = Evaluator::new(context, focus);
        let found = evaluator.evaluate(&self.root, Scope { this: focus, index: None, total: None });
        evaluator.count_steps();
        found
    }

    /// Evaluates as [`Expression::evaluate`] does, and says where in the expression a fault was.
    pub fn evaluate_located<'a>(&self, focus: &Value<'a>, context: &Context<'a>) -> Result<Items<'a>, Fault> {
        let evaluator = Evaluator::new(context, focus);
        let outcome = evaluator.evaluate(&self.root, Scope { this: focus, index: None, total: None });
        let offset = evaluator.fault_offset().map(|offset| offset as usize);
        outcome.map_err(|error| Fault { error, offset })
    }

    /// Checks that the expression can have a meaning on resources or elements of that type: every name is an element there, every type is
    /// known, functions on texts are not given something else. What cannot be told without a resource is let pass.
    pub fn check(&self, type_name: &str, definitions: &Definitions) -> Result<(), FhirpathError> {
        check::check(&self.root, type_name, definitions)
    }

    /// Whether the expression holds for a focus, as an invariant; `None` when its answer is empty.
    pub fn holds<'a>(&self, focus: &Value<'a>, context: &Context<'a>) -> Result<Option<bool>, FhirpathError> {
        let evaluator = Evaluator::new(context, focus);
        let answer = evaluator.holds(&self.root, Scope { this: focus, index: None, total: None });
        evaluator.count_steps();
        answer
    }

    /// The alternatives of a union at the top (`a | b | c`), each an expression; itself when it is no union.
    pub fn alternatives(self) -> Vec<Expression> {
        match self.root {
            Expr::Binary { operator: Operator::Union, left, right, .. } => {
                let mut found = Expression { root: *left }.alternatives();
                found.extend(Expression { root: *right }.alternatives());
                found
            }
            root => vec![Expression { root }],
        }
    }

    /// The path, when the expression is nothing but one (`Patient.gender`).
    pub fn plain_path(&self) -> Option<String> {
        match &self.root {
            Expr::Path { base: None, steps } => {
                Some(steps.iter().map(|step| &*step.name).collect::<Vec<_>>().join("."))
            }
            _ => None,
        }
    }

    /// The steps, when the expression is nothing but member names and the types that they must have; the opening type is left out.
    pub fn strides(&self) -> Option<Vec<Stride<'_>>> {
        let mut found = Vec::new();
        strides(&self.root, &mut found).then_some(found)
    }

    /// The member of the focus without which the expression finds nothing (`name` in `Patient.name.given`; a choice by its stem), where
    /// its form tells.
    pub fn opening_member(&self) -> Option<&str> {
        opening_member(&self.root)
    }

    /// The type name that the expression opens with (`Patient` in `Patient.name` or `(Patient.deceased as dateTime)`).
    pub fn opening_type(&self) -> Option<&str> {
        opening_type(&self.root)
    }
}

/// A step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stride<'e> {
    /// Name of the member; of a choice its stem.
    pub name: &'e str,
    /// Type that its values must have.
    pub of_type: Option<&'e str>,
}

fn strides<'e>(expression: &'e Expr, found: &mut Vec<Stride<'e>>) -> bool {
    match expression {
        Expr::Path { base, steps } => {
            let is_based = base.as_deref().is_none_or(|base| strides(base, found));
            let names = steps.iter().filter(|step| !step.may_be_type);
            found.extend(names.map(|step| Stride { name: &step.name, of_type: None }));
            is_based
        }
        Expr::OfType { value: Some(value), type_name, .. } if type_name.namespace != Some(Namespace::System) => {
            let is_path = strides(value, found);
            match found.last_mut() {
                Some(last) if is_path && last.of_type.is_none() => {
                    last.of_type = Some(&type_name.name);
                    true
                }
                _ => false,
            }
        }
        _ => false,
    }
}

fn opening_member(expression: &Expr) -> Option<&str> {
    use Function as F;
    match expression {
        Expr::Path { base: None, steps } => steps.iter().find(|step| !step.may_be_type).map(|step| &*step.name),
        Expr::Path { base: Some(base), .. } | Expr::Item { base, .. } => opening_member(base),
        Expr::OfType { value, .. } => value.as_deref().and_then(opening_member),
        // Only functions that are empty on nothing: `exists()` answers there, too.
        Expr::Call { base, function: F::Where | F::Select | F::First | F::Resolve | F::Extension, .. } => {
            base.as_deref().and_then(opening_member)
        }
        _ => None,
    }
}

pub(crate) fn opening_type(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Path { base: None, steps } => steps.first().filter(|step| step.may_be_type).map(|step| &*step.name),
        Expr::Path { base: Some(base), .. } | Expr::Item { base, .. } => opening_type(base),
        Expr::Call { base, .. } => base.as_deref().and_then(opening_type),
        Expr::Is { value, .. } => opening_type(value),
        Expr::OfType { value, .. } => value.as_deref().and_then(opening_type),
        Expr::Binary { left, .. } => opening_type(left),
        _ => None,
    }
}
