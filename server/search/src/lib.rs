//! The search language of FHIR R4: registry of parameters, query parser, index values of a resource,
//! compartments. No SQL. <https://hl7.org/fhir/R4/search.html>

pub mod compartment;
mod index;
mod index_values;
mod matches;
mod normalise;
mod param;
mod parse;
mod parse_result;
mod parse_value;
mod query;
mod reference;
mod registry;
mod suggest;

pub use compartment::patients_of;
pub use index::{IndexEntry, IndexValue, TEXT_LENGTH_MAX_BYTES, identity_entries, index};
pub use matches::matches;
pub use normalise::normalise;
pub use param::{Kind, Param, param_id};
pub use parse::{Handling, Limits, Options, parse};
pub use query::{Direction, Filter, FilterParam, FilterValue, Modifier, Prefix, Query, SortKey, Summary, Total};
pub use registry::Registry;
