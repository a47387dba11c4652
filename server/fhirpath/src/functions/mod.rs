//! The functions of the language.

mod boundaries;
mod call;
mod collections;
mod conversions;
mod numbers;
mod resources;
mod strings;

pub(crate) use call::{Call, Function, boolean, optional};
