//! Why an expression could not be read or evaluated.

/// A fault in an expression or in its evaluation; messages name operators and types, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FhirpathError {
    /// The text is not an expression.
    #[error("offset {offset}: {reason}")]
    Syntax {
        /// Byte offset into the expression.
        offset: usize,
        /// What was expected.
        reason: String,
    },
    /// The expression can give nothing on resources of this type: a name that is no element, a function on a wrong type.
    #[error("offset {offset}: {reason}")]
    Semantic {
        /// Byte offset into the expression.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// The function needs knowledge that is not at hand here.
    #[error("function `{0}` cannot be answered here")]
    NotSupported(&'static str),
    /// A modifier extension is there that the expression does not allow.
    #[error("`checkModifiers` found a modifier extension that is not among those named")]
    UnknownModifier,
    /// The environment variable is not defined.
    #[error("variable `%{0}` is not defined")]
    UnknownVariable(String),
    /// The type is not known.
    #[error("type `{0}` is not known")]
    UnknownType(String),
    /// A collection has more items than the operation takes.
    #[error("`{0}` takes a single item")]
    NotSingle(&'static str),
    /// The operation does not take values of that type.
    #[error("`{0}` does not take values of these types")]
    WrongType(&'static str),
    /// The variable was already defined in this scope.
    #[error("variable `%{0}` is defined twice")]
    DefinedTwice(String),
    /// A regular expression is faulty or too large.
    #[error("the regular expression cannot be used")]
    BadPattern,
    /// The evaluation took more steps than the context allows.
    #[error("the expression takes too many steps")]
    TooManySteps,
}

/// A [`FhirpathError`] with its place in the expression, as [`crate::Expression::evaluate_located`] gives it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{error}", self.place())]
pub struct Fault {
    /// What happened; no source, since the text of the fault has its words already.
    pub error: FhirpathError,
    /// Byte offset of the operator or function in the expression, where known.
    pub offset: Option<usize>,
}

impl Fault {
    /// The place, unless the error says it itself.
    fn place(&self) -> String {
        let says_itself = matches!(self.error, FhirpathError::Syntax { .. } | FhirpathError::Semantic { .. });
        self.offset.filter(|_| !says_itself).map_or_else(String::new, |offset| format!("offset {offset}: "))
    }
}

impl From<FhirpathError> for Fault {
    fn from(error: FhirpathError) -> Fault {
        let offset = match &error {
            FhirpathError::Syntax { offset, .. } | FhirpathError::Semantic { offset, .. } => Some(*offset),
            _ => None,
        };
        Fault { error, offset }
    }
}

/// Why a FHIRPath Patch cannot be applied; `operation` counts from 0, messages name elements, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The resource is not Parameters.
    #[error("a FHIRPath Patch is a Parameters resource")]
    NotAPatch,
    /// The patch has too many operations.
    #[error("the patch has too many operations")]
    TooMany,
    /// An operation lacks a part, or has a wrong one.
    #[error("operation {operation} needs a valid `{part}`")]
    Malformed {
        /// Which one.
        operation: usize,
        /// The name of the part.
        part: &'static str,
    },
    /// The path of an operation is not understood.
    #[error("operation {operation}: the path is not understood: {error}")]
    Path {
        /// Which one.
        operation: usize,
        /// What is wrong with it.
        error: FhirpathError,
    },
    /// An operation cannot be made on this resource.
    #[error("operation {operation}: {reason}")]
    NotApplicable {
        /// Which one.
        operation: usize,
        /// What is in its way.
        reason: String,
    },
}
