//! An expression, compiled once and evaluated often.

use crate::ast::{Expr, Operator};
use crate::context::Context;
use crate::error::FhirpathError;
use crate::evaluate::{Evaluator, Items, Scope};
use crate::functions::Function;
use crate::parser;
use crate::value::Value;

/// A compiled FHIRPath expression. <http://hl7.org/fhirpath/N1/>
#[derive(Debug, Clone)]
pub struct Expression {
    root: Expr,
}

impl Expression {
    /// Compiles an expression.
    pub fn parse(source: &str) -> Result<Expression, FhirpathError> {
        parser::parse(source).map(|root| Expression { root })
    }

    /// Evaluates the expression on a focus.
    pub fn evaluate<'a>(&self, focus: &Value<'a>, context: &Context<'a>) -> Result<Items<'a>, FhirpathError> {
        let scope = Scope { this: focus, index: None, total: None };
        Evaluator::new(context).evaluate(&self.root, scope)
    }

    /// Whether the expression holds for a focus, as an invariant; `None` when its answer is empty.
    pub fn holds<'a>(&self, focus: &Value<'a>, context: &Context<'a>) -> Result<Option<bool>, FhirpathError> {
        crate::evaluate::truth(&self.evaluate(focus, context)?)
    }

    /// The alternatives of a union at the top (`a | b | c`), each an expression; itself when it is no union.
    pub fn alternatives(self) -> Vec<Expression> {
        match self.root {
            Expr::Binary { operator: Operator::Union, left, right } => {
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

fn opening_type(expression: &Expr) -> Option<&str> {
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
