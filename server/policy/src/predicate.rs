//! The part of a grant that goes into SQL, before LIMIT, COUNT and `_include`.

use crate::facts::{Label, PersonKey};
use crate::reference_data::is_reference_data;
use crate::restriction::Class;
use std::collections::BTreeSet;

/// A set of resource types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeSet {
    /// Every type.
    All,
    /// These types only.
    Only(BTreeSet<String>),
}

impl TypeSet {
    /// Makes the set that holds nothing.
    pub fn none() -> TypeSet {
        TypeSet::Only(BTreeSet::new())
    }

    /// Says whether the type is in the set.
    pub fn contains(&self, type_name: &str) -> bool {
        match self {
            TypeSet::All => true,
            TypeSet::Only(types) => types.contains(type_name),
        }
    }

    /// Says whether the set holds nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self, TypeSet::Only(types) if types.is_empty())
    }

    /// Returns the types that are in either.
    #[must_use]
    pub fn union(self, other: TypeSet) -> TypeSet {
        match (self, other) {
            (TypeSet::Only(mut mine), TypeSet::Only(others)) => {
                mine.extend(others);
                TypeSet::Only(mine)
            }
            _ => TypeSet::All,
        }
    }

    /// Keeps the types of the set that are in the list.
    #[must_use]
    pub(crate) fn within(self, universe: &[&str]) -> TypeSet {
        TypeSet::Only(universe.iter().filter(|name| self.contains(name)).map(|name| (*name).to_owned()).collect())
    }
}

/// Limits a grant to one person: a patient-context token.
///
/// A resource passes when it is about this person and nobody else, or about nobody and of a type in [`crate::REFERENCE_DATA`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonScope {
    /// The logical id of the patient in launch context.
    pub patient: String,
    /// The person of that patient, when the caller has looked it up; the store looks it up otherwise.
    pub person: Option<PersonKey>,
    /// Types that a wider (`user/`) scope of the same token allows: the limit does not hold for them.
    pub except: TypeSet,
}

/// Which restriction rows and labels hide a resource, and which only redact it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestrictionRule {
    /// A resource about a person with a row of any of these classes, in force now, is not there for this grant.
    pub hidden: Vec<Class>,
    /// As `hidden`, but only for resources whose source is general practice.
    pub hidden_general_practice: Vec<Class>,
    /// A resource about a person with a row of these classes is redacted, and is not found by the redacted elements.
    pub redacted: Vec<Class>,
    /// A resource with any of these labels is not there for this grant.
    pub hidden_labels: Vec<Label>,
}

impl RestrictionRule {
    pub(crate) fn redacts_labelled(&self, type_name: &str) -> bool {
        self.redacted.contains(&Class::Sensitive) && matches!(type_name, "Patient" | "RelatedPerson" | "Person")
    }
}

/// What a grant reaches. The store puts all of it into SQL; [`crate::release`] checks it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    /// Types that may be read by id, or come along with a search (`_include`).
    pub types: TypeSet,
    /// Types that may be searched or listed: the type of a search, `_revinclude`, `_has` and chains, system search and history.
    pub searchable: TypeSet,
    /// The limit to one person.
    pub person: Option<PersonScope>,
    /// Restrictions and labels.
    pub restricted: RestrictionRule,
}

impl Predicate {
    /// Reaches everything: for the server's own work and for administrators.
    pub(crate) fn unrestricted() -> Predicate {
        let restricted = RestrictionRule::default();
        Predicate { types: TypeSet::All, searchable: TypeSet::All, person: None, restricted }
    }

    /// Says whether a search parameter reads an element that is redacted for restricted persons: with it, a search must leave out
    /// resources about persons with a restriction of [`RestrictionRule::redacted`], or the search would tell what the body hides.
    pub fn unsearchable(&self, type_name: &str, param: &str) -> bool {
        !self.restricted.redacted.is_empty() && crate::redaction::is_redacted_param(type_name, param)
    }

    /// Says whether a resource of the type is redacted when it bears the label R itself, whoever else it is about.
    pub fn redacts_labelled(&self, type_name: &str) -> bool {
        self.restricted.redacts_labelled(type_name)
    }

    /// Adds the types of another predicate of the same subject. Where the two differ about the limit to one person, it holds for
    /// every type.
    pub(crate) fn join(&mut self, other: Predicate) {
        if self.person != other.person {
            let limit = self.person.take().or(other.person);
            self.person = limit.map(|scope| PersonScope { except: TypeSet::none(), ..scope });
        }
        self.types = std::mem::replace(&mut self.types, TypeSet::All).union(other.types);
        self.searchable = std::mem::replace(&mut self.searchable, TypeSet::All).union(other.searchable);
    }

    /// Says whether a type may be reached at all.
    pub fn reaches(&self, type_name: &str) -> bool {
        self.types.contains(type_name) || self.searchable.contains(type_name)
    }

    /// Says whether the limit to one person holds for a type, and whether a resource of it about nobody passes.
    pub fn person_limit(&self, type_name: &str) -> Option<(&PersonScope, bool)> {
        let scope = self.person.as_ref().filter(|scope| !scope.except.contains(type_name))?;
        Some((scope, is_reference_data(type_name)))
    }
}
