//! What FHIR R4 defines, as one immutable table: elements, search parameters, compartments, value sets.

mod archive;
mod definitions;
mod error;
pub mod facts;
mod profile;
mod search_parameter;
mod terminology;
mod types;

pub use definitions::Definitions;
pub use error::DefinitionsError;
pub use profile::{ExtensionContext, ProfileDef};
pub use search_parameter::{CompartmentDef, SearchComponent, SearchParameterDef};
pub use terminology::{
    CodeSystemDef, ConceptDef, ConceptMapDef, ExpansionDef, FilterDef, IncludeDef, MappingDef, ValueSetDef,
};
pub use types::{
    Binding, BindingStrength, ConstraintDef, ConstraintSeverity, ElementDef, Property, TypeDef, TypeKind, TypeRef,
};
