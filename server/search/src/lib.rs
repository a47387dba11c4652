//! The search language of FHIR R4: registry of parameters, query parser, index values of a resource,
//! compartments. No SQL. <https://hl7.org/fhir/R4/search.html>

mod cardinality;
mod codes;
pub mod compartment;
mod compile;
mod composite;
mod full_text;
mod index;
mod index_quantities;
mod index_values;
mod judge;
mod matches;
mod narrative;
mod normalise;
mod param;
mod parse;
mod parse_condition;
mod parse_filter;
mod parse_include;
mod parse_modifier;
mod parse_result;
mod parse_text;
mod parse_value;
mod plan;
mod query;
mod reference;
mod registry;
mod suggest;
mod unions;
pub mod unit;
mod walk;

pub use codes::{Codes, CodesError};
pub use compartment::{compartment_condition, patients_of};
pub use full_text::{FullText, full_text};
pub use index::{IndexEntry, IndexValue, TEXT_LENGTH_MAX_BYTES, identity_entries, index, index_wanted};
pub use judge::{Judged, State, holds};
pub use matches::{METRES_PER_DEGREE, distance_m, matches};
pub use normalise::normalise;
pub use param::{Kind, Param, param_id};
pub use parse::{Handling, Limits, Options, check_size, parse, parse_types};
pub use parse_result::types_of;
pub use query::{
    Chain, Condition, Direction, Filter, FilterParam, FilterValue, Has, Include, Modifier, Prefix, Query, SortKey,
    Summary, Target, TextCondition, Total, Words,
};
pub use registry::{RefusedParam, Registry};
