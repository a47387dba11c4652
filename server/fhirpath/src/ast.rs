//! The compiled form of an expression.

use rust_decimal::Decimal;

use crate::functions::Function;
use crate::quantity::Quantity;
use crate::temporal::Temporal;

/// A node of the compiled expression.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    /// `{}`.
    Empty,
    /// A literal.
    Literal(Literal),
    /// `$this`.
    This,
    /// `$index`.
    Index,
    /// `$total`.
    Total,
    /// `%name`.
    Variable(String),
    /// A chain of member names, walked without collections in between.
    Path { base: Option<Box<Expr>>, steps: Vec<Step> },
    /// `base.name(arguments)`, with `base` the focus when absent.
    Call { base: Option<Box<Expr>>, function: Function, arguments: Vec<Expr> },
    /// `base[index]`.
    Item { base: Box<Expr>, index: Box<Expr> },
    /// `-value`.
    Negate(Box<Expr>),
    /// `left operator right`.
    Binary { operator: Operator, left: Box<Expr>, right: Box<Expr> },
    /// `value is Type`.
    Is { value: Box<Expr>, type_name: TypeName },
    /// `value as Type`, `value.as(Type)` (search parameters use them on collections) and `value.ofType(Type)`: the items of that type.
    OfType { value: Option<Box<Expr>>, type_name: TypeName },
}

/// A member name with the name of its sibling that carries a primitive's id and extensions.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) name: Box<str>,
    pub(crate) sibling: Box<str>,
    /// Whether the step opens a path and could be the name of the focus's type.
    pub(crate) may_be_type: bool,
}

impl Step {
    pub(crate) fn new(name: &str, may_be_type: bool) -> Step {
        let may_be_type = may_be_type && name.starts_with(|c: char| c.is_ascii_uppercase());
        Step { name: name.into(), sibling: format!("_{name}").into(), may_be_type }
    }
}

/// A constant.
#[derive(Debug, Clone)]
pub(crate) enum Literal {
    Boolean(bool),
    String(String),
    Integer(i64),
    Decimal(Decimal),
    Date(Temporal),
    DateTime(Temporal),
    Time(Temporal),
    Quantity(Quantity),
}

/// The name of a type, with its namespace if it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeName {
    pub(crate) namespace: Option<Namespace>,
    pub(crate) name: String,
}

/// Where a type comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    Fhir,
    System,
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Multiply,
    Divide,
    Div,
    Mod,
    Add,
    Subtract,
    Concatenate,
    Union,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    In,
    Contains,
    And,
    Or,
    Xor,
    Implies,
}
