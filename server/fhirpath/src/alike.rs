//! Whether two expressions are the same, wherever each stands in its text.

use crate::ast::Expr;
use crate::expression::Expression;

impl Expression {
    /// A text that is alike for expressions that find the same: those that differ in nothing but where they were written.
    pub fn alike(&self) -> String {
        let mut root = self.root.clone();
        forget_offsets(&mut root);
        format!("{root:?}")
    }
}

fn forget_offsets(expression: &mut Expr) {
    let at = match expression {
        Expr::Empty | Expr::Literal(_) | Expr::This | Expr::Index | Expr::Total => return,
        Expr::Path { base, steps } => {
            steps.iter_mut().for_each(|step| step.offset = 0);
            return base.iter_mut().for_each(|base| forget_offsets(base));
        }
        Expr::Variable { offset, .. } => offset,
        Expr::Call { base, arguments, offset, .. } => {
            base.iter_mut().for_each(|base| forget_offsets(base));
            arguments.iter_mut().for_each(forget_offsets);
            offset
        }
        Expr::Item { base, index, offset } => {
            forget_offsets(base);
            forget_offsets(index);
            offset
        }
        Expr::Binary { left, right, offset, .. } => {
            forget_offsets(left);
            forget_offsets(right);
            offset
        }
        Expr::Negate { value, offset } | Expr::Is { value, offset, .. } => {
            forget_offsets(value);
            offset
        }
        Expr::OfType { value, offset, .. } => {
            value.iter_mut().for_each(|value| forget_offsets(value));
            offset
        }
    };
    *at = 0;
}
