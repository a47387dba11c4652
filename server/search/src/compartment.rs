//! Which patients a resource is about.

use fhir::Json;

use crate::registry::Registry;

/// The patients in whose compartment the resource is: `Patient/x`, or the absolute or urn reference as written.
pub fn patients_of(resource: &Json, registry: &Registry) -> Vec<String> {
    let _ = (resource, registry);
    Vec::new()
}
