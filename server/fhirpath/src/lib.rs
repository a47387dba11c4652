//! FHIRPath over the JSON tree, typed by the element table. <http://hl7.org/fhirpath/N1/>

mod alike;
mod ast;
mod check;
mod context;
mod element;
mod equality;
mod error;
mod evaluate;
mod expression;
mod functions;
mod lexer;
mod operators;
mod parser;
mod patch;
mod quantity;
mod temporal;
mod truth;
mod ucum;
mod value;

pub use context::{Context, Host, NoHost, Resolved};
pub use element::Element;
pub use error::{Fault, FhirpathError, PatchError};
pub use expression::{Expression, Stride};
pub use functions::{NARRATIVE_ATTRIBUTES, NARRATIVE_ELEMENTS};
pub use patch::apply_patch;
pub use quantity::Quantity;
pub use temporal::{Precision, Temporal};
pub use value::Value;
