//! The compiled form of an expression.

use regex::Regex;
use rust_decimal::Decimal;

use crate::functions::Function;
use crate::quantity::Quantity;
use crate::temporal::Temporal;

/// A node of the compiled expression. Offsets are in bytes of its text.
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
    Variable { name: String, offset: u32 },
    /// A chain of member names, walked without collections in between.
    Path { base: Option<Box<Expr>>, steps: Vec<Step> },
    /// `base.name(arguments)`, with `base` the focus when absent; `pattern` is the first argument's, when it is a constant.
    Call { base: Option<Box<Expr>>, function: Function, arguments: Vec<Expr>, pattern: Option<Regex>, offset: u32 },
    /// `base[index]`.
    Item { base: Box<Expr>, index: Box<Expr>, offset: u32 },
    /// `-value`.
    Negate { value: Box<Expr>, offset: u32 },
    /// `left operator right`.
    Binary { operator: Operator, left: Box<Expr>, right: Box<Expr>, offset: u32 },
    /// `value is Type`.
    Is { value: Box<Expr>, type_name: TypeName, offset: u32 },
    /// `value as Type` and `value.as(Type)` (single: for one item, though search parameters use them on collections) and
    /// `value.ofType(Type)`: the items of that type.
    OfType { value: Option<Box<Expr>>, type_name: TypeName, is_single: bool, offset: u32 },
}

/// A member name with the name of its sibling that carries a primitive's id and extensions.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) name: Box<str>,
    pub(crate) sibling: Box<str>,
    /// Whether the step opens a path and could be the name of the focus's type.
    pub(crate) may_be_type: bool,
    pub(crate) offset: u32,
}

impl Step {
    pub(crate) fn new(name: &str, may_be_type: bool, offset: u32) -> Step {
        let may_be_type = may_be_type && name.starts_with(|c: char| c.is_ascii_uppercase());
        Step { name: name.into(), sibling: format!("_{name}").into(), may_be_type, offset }
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

impl Operator {
    /// Whether it works on truth values.
    pub(crate) fn is_logical(self) -> bool {
        matches!(self, Operator::And | Operator::Or | Operator::Xor | Operator::Implies)
    }
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
