//! The truth of an expression, found without making collections where its form allows: conditions are what is evaluated most.

use crate::ast::{Expr, Literal, Operator, Step};
use crate::error::FhirpathError;
use crate::evaluate::{Evaluator, Scope, item_weight, truth};
use crate::functions::{Function, resources};
use crate::operators;
use crate::value::Value;

/// What a condition comes to; `None` is the empty collection.
pub(crate) type Truth = Result<Option<bool>, FhirpathError>;

impl<'a> Evaluator<'_, 'a> {
    /// The truth of what the expression evaluates to.
    pub(crate) fn holds(&self, expression: &Expr, scope: Scope<'_, 'a>) -> Truth {
        match expression {
            Expr::Binary { operator, .. } if operator.is_logical() => {
                self.spend(1)?;
                self.logical(expression, scope)
            }
            Expr::Binary { operator: Operator::Equal, left, right, .. }
                if matches!(**right, Expr::Literal(Literal::String(_))) =>
            {
                self.equals_text(expression, left, right, scope)
            }
            Expr::Call { base: Some(base), function, arguments, offset, .. } if arguments.is_empty() => {
                self.of_call(expression, base, *function, *offset, scope)
            }
            _ => truth(&self.evaluate(expression, scope)?),
        }
    }

    /// The truth in a scope of its own: variables that are defined on the way are forgotten.
    pub(crate) fn holds_apart(&self, expression: &Expr, scope: Scope<'_, 'a>) -> Truth {
        self.apart(|| self.holds(expression, scope))
    }

    /// A chain of `and`, `or`, `xor`, `implies` nests to the left: it is walked in a loop, so that a long one does not take a deep stack.
    pub(crate) fn logical(&self, chain: &Expr, scope: Scope<'_, 'a>) -> Truth {
        let mut rights = Vec::new();
        let mut leftmost = chain;
        while let Expr::Binary { operator, left, right, offset } = leftmost {
            if !operator.is_logical() {
                break;
            }
            rights.push((*operator, &**right, *offset));
            leftmost = left;
        }
        let innermost = rights.last().map_or(0, |(_, _, offset)| *offset);
        let mut found = self.locate(self.holds_apart(leftmost, scope), innermost)?;
        for (operator, right, offset) in rights.into_iter().rev() {
            self.spend(1)?;
            // A decided left side spares the right one, which may be the dear one.
            found = match operators::decided(operator, found) {
                Some(decided) => Some(decided),
                None => operators::logic(operator, found, self.locate(self.holds_apart(right, scope), offset)?),
            };
        }
        Ok(found)
    }

    /// `path.exists()`, `path.empty()`, `path.hasValue()` and `.not()`.
    fn of_call(&self, whole: &Expr, base: &Expr, function: Function, offset: u32, scope: Scope<'_, 'a>) -> Truth {
        let path = match base {
            Expr::Path { base: None, steps } => Some(steps.as_slice()),
            Expr::This => Some([].as_slice()),
            _ => None,
        };
        match (function, path) {
            (Function::Not, _) => {
                self.spend(1)?;
                Ok(self.locate(self.holds(base, scope), offset)?.map(|is_true| !is_true))
            }
            (Function::Exists, Some(steps)) => Ok(Some(self.look(steps, scope)?.0 > 0)),
            (Function::Empty, Some(steps)) => Ok(Some(self.look(steps, scope)?.0 == 0)),
            (Function::HasValue, Some(steps)) => {
                let (count, has_value) = self.look(steps, scope)?;
                Ok(Some(count == 1 && has_value))
            }
            _ => truth(&self.evaluate(whole, scope)?),
        }
    }

    /// How many items a path finds, and whether the last of them has a value.
    fn look(&self, steps: &[Step], scope: Scope<'_, 'a>) -> Result<(usize, bool), FhirpathError> {
        let (mut count, mut has_value) = (0, false);
        self.walk(scope.this, steps, &mut |item| {
            count += 1;
            has_value = resources::has_value(&item);
        });
        self.spend(count + 1)?;
        Ok((count, has_value))
    }

    /// `path = 'text'` of a path that finds one text; anything else is evaluated.
    fn equals_text(&self, whole: &Expr, left: &Expr, right: &Expr, scope: Scope<'_, 'a>) -> Truth {
        let (Expr::Path { base: None, steps }, Expr::Literal(Literal::String(text))) = (left, right) else {
            return truth(&self.evaluate(whole, scope)?);
        };
        let (mut count, mut weight, mut is_equal) = (0_usize, 0_usize, None);
        self.walk(scope.this, steps, &mut |item| {
            count += 1;
            weight = weight.saturating_add(item_weight(&item));
            is_equal = match &item {
                Value::Node(element) => element.is_text(text),
                _ => None,
            };
        });
        self.spend(weight.saturating_add(count + 1))?;
        match (count, is_equal) {
            (0, _) => Ok(None),
            (1, Some(is_equal)) => Ok(Some(is_equal)),
            _ => truth(&self.evaluate(whole, scope)?),
        }
    }
}
