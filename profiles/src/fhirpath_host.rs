//! What the functions `memberOf`, `conformsTo` and `subsumes` of a free-standing FHIRPath expression are answered from.
//! <https://hl7.org/fhir/R4/fhirpath.html#functions>

use fhirpath::{Element, Host};
use terminology::Membership;

use crate::options::Options;
use crate::validator::Validator;

/// A host over the definitions of a validator; references are not looked up.
#[derive(Debug, Clone, Copy)]
pub struct FhirpathHost<'v> {
    validator: &'v Validator,
}

impl<'v> FhirpathHost<'v> {
    /// Makes a host that answers from that validator's profiles and terminology.
    #[must_use]
    pub fn new(validator: &'v Validator) -> Self {
        Self { validator }
    }
}

impl Host for FhirpathHost<'_> {
    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        match self.validator.terminology().check(value_set, system, code) {
            Membership::Member => Some(true),
            Membership::NotMember => Some(false),
            Membership::NotChecked { .. } => None,
        }
    }

    fn subsumes(&self, system: &str, code: &str, other: &str) -> Option<bool> {
        let below = self.validator.terminology().below(system, code).ok()?;
        Some(below.iter().any(|known| known == other))
    }

    fn conforms_to(&self, element: &Element<'_>, profile: &str) -> Option<bool> {
        self.validator.definitions().profile(profile)?;
        let resource = element.node?.to_json();
        resource.resource_type()?;
        let options = Options { profiles: vec![profile.to_owned()], ..Options::default() };
        Some(!self.validator.issues(&resource, &options).iter().any(fhir::Issue::is_error))
    }
}
