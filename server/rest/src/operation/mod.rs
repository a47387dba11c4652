//! The operations, one a file, and the table from which the CapabilityStatement lists them.

pub(crate) mod async_answer;
pub(crate) mod coding;
pub(crate) mod document;
pub(crate) mod everything;
pub(crate) mod expand;
pub(crate) mod export_delete;
pub(crate) mod export_file;
pub(crate) mod export_kick_off;
pub(crate) mod export_status;
pub(crate) mod fhirpath;
mod fhirpath_part;
pub(crate) mod lastn;
pub(crate) mod lookup;
pub(crate) mod meta;
pub(crate) mod meta_change;
pub(crate) mod parameters;
pub(crate) mod patient_match;
pub(crate) mod purge;
pub(crate) mod references;
pub(crate) mod reindex;
pub(crate) mod subsumes;
pub(crate) mod translate;
pub(crate) mod validate;
pub(crate) mod validate_code;

/// Where an operation is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// With one type.
    Type(&'static str),
    /// With every type.
    EveryType,
    /// With every type and for the whole server.
    Everywhere,
    /// For the whole server.
    System,
}

/// An operation of the CapabilityStatement: its name, its OperationDefinition, where it is listed.
pub(crate) const OPERATIONS: [(&str, &str, Listed); 18] = [
    ("validate", "http://hl7.org/fhir/OperationDefinition/Resource-validate", Listed::Everywhere),
    ("meta", "http://hl7.org/fhir/OperationDefinition/Resource-meta", Listed::Everywhere),
    ("meta-add", "http://hl7.org/fhir/OperationDefinition/Resource-meta-add", Listed::EveryType),
    ("meta-delete", "http://hl7.org/fhir/OperationDefinition/Resource-meta-delete", Listed::EveryType),
    ("everything", "http://hl7.org/fhir/OperationDefinition/Patient-everything", Listed::Type("Patient")),
    ("match", "http://hl7.org/fhir/OperationDefinition/Patient-match", Listed::Type("Patient")),
    // R4 has none; this is that of R6.
    ("purge", "http://hl7.org/fhir/OperationDefinition/Patient-purge", Listed::Type("Patient")),
    ("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export", Listed::Type("Patient")),
    ("lastn", "http://hl7.org/fhir/OperationDefinition/Observation-lastn", Listed::Type("Observation")),
    ("document", "http://hl7.org/fhir/OperationDefinition/Composition-document", Listed::Type("Composition")),
    ("expand", "http://hl7.org/fhir/OperationDefinition/ValueSet-expand", Listed::Type("ValueSet")),
    ("validate-code", "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code", Listed::Type("ValueSet")),
    ("validate-code", "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code", Listed::Type("CodeSystem")),
    ("lookup", "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup", Listed::Type("CodeSystem")),
    ("subsumes", "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes", Listed::Type("CodeSystem")),
    ("translate", "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate", Listed::Type("ConceptMap")),
    // Of the FHIRPath Lab; it has no OperationDefinition.
    ("fhirpath", "urn:weir:operation:fhirpath", Listed::System),
    ("reindex", "urn:weir:operation:reindex", Listed::System),
];
