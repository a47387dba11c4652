//! The search language of FHIR R4: registry of parameters, query parser, index values of a resource,
//! compartments. No SQL. <https://hl7.org/fhir/R4/search.html>

mod cardinality;
pub mod compartment;
mod full_text;
mod index;
mod index_values;
mod judge;
mod matches;
mod normalise;
mod param;
mod parse;
mod parse_result;
mod parse_value;
mod query;
mod reference;
mod registry;
mod stub;
pub use stub::*;
mod suggest;

pub use compartment::patients_of;
pub use full_text::{FullText, full_text};
pub use index::{IndexEntry, IndexValue, TEXT_LENGTH_MAX_BYTES, identity_entries, index};
pub use judge::{Judged, State, holds};
pub use matches::matches;
pub use normalise::normalise;
pub use param::{Kind, Param, param_id};
pub use parse::{Handling, Limits, Options, parse};
pub use query::{
    Chain, Condition, Direction, Filter, FilterParam, FilterValue, Has, Include, Modifier, Prefix, Query, SortKey,
    Summary, Target, TextCondition, Total, Words,
};
pub use registry::Registry;
