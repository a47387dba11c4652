//! The functions of the language.

mod boundaries;
mod call;
mod collections;
mod conversions;
mod narrative;
mod numbers;
pub(crate) mod resources;
pub(crate) mod strings;

pub(crate) use call::{Call, Function, Group, boolean, optional};
pub use narrative::{NARRATIVE_ATTRIBUTES, NARRATIVE_ELEMENTS};
