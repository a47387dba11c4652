//! What FHIR R4 defines, as one immutable table: elements, search parameters, compartments, value sets.

mod archive;
mod concept_map;
mod definitions;
mod error;
pub mod facts;
mod profile;
mod search_parameter;
mod terminology;
mod types;
mod version;

pub use concept_map::{ConceptMapDef, MappingDef, OtherElementDef, UnmappedDef};
pub use definitions::Definitions;
pub use error::DefinitionsError;
pub use profile::{ExtensionContext, ProfileDef};
pub use search_parameter::{CompartmentDef, SearchComponent, SearchParameterDef};
pub use terminology::{
    CodeSystemDef, ConceptDef, DesignationDef, ExpansionDef, FilterDef, IncludeDef, PropertyDef, ValueSetDef,
};
pub use types::{
    Binding, BindingStrength, ConstraintDef, ConstraintSeverity, ElementDef, Property, TypeDef, TypeKind, TypeRef,
};
pub use version::compare_versions;
