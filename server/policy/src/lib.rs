//! Who may see what, for which purpose: scopes, grants, restrictions, consent and export rules. Pure functions; time is a parameter.
//!
//! [`decide`] answers whether a subject may try an interaction and gives the [`Grant`] that every read of the store asks for;
//! [`release`] checks each version again on its way out and is the only way from a stored body to bytes for a caller.

mod break_glass;
mod cohort;
mod consent;
mod decide;
mod denied;
mod error;
mod export;
mod facts;
mod grant;
mod interaction;
mod logical_id;
mod predicate;
mod principal;
mod purpose;
mod redaction;
mod reference_data;
mod release;
mod restriction;
mod scope;
mod scopes;
mod small_number;
mod type_1;
mod whole;

pub use break_glass::BreakGlass;
pub use cohort::{Cohort, Withheld};
pub use consent::{RestrictionsFound, restrictions_of};
pub use decide::{decide, decide_own_job};
pub use denied::Denied;
pub use error::PolicyError;
pub use export::{
    Answer, Decision, ExportFacts, ExportRules, NationalDataOptOut, NhsNumberHeld, Type1Effect, WithheldRule,
    exportable, refuse_stale_answer,
};
pub use facts::{CONFIDENTIALITY_SYSTEM, Facts, Label, PersonKey, Source};
pub use grant::{Grant, SystemToken, Task};
pub use interaction::Interaction;
pub use logical_id::acceptable_id;
pub use predicate::{PersonScope, Predicate, RestrictionRule, TypeSet};
pub use principal::{Principal, Subject};
pub use purpose::Purpose;
pub use reference_data::{REFERENCE_DATA, is_reference_data};
pub use release::{Released, Version, release};
pub use restriction::{Class, Period, Restriction};
pub use scope::{Context, Permissions, ResourceScope, Scope, ScopeKind};
pub use scopes::{Narrowed, Scopes};
pub use small_number::{Count, suppressed};
pub use type_1::{Dissent, DissentKind, type_1_dissent, type_1_statement};
pub use whole::acceptable_whole;
