//! Types that are about nobody: a patient-context token may read them where its scopes name them.

/// Resource types outside the Patient compartment that hold reference data, as who works where and what a medicine is.
///
/// A `patient/` scope that allows the type reads any resource of it that is about no person. Types that can point at a patient
/// outside the compartment definition (Device, Task, Binary) are left out on purpose.
pub const REFERENCE_DATA: [&str; 27] = [
    "ActivityDefinition",
    "CapabilityStatement",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "Endpoint",
    "HealthcareService",
    "ImplementationGuide",
    "InsurancePlan",
    "Library",
    "Location",
    "Measure",
    "Medication",
    "MedicationKnowledge",
    "NamingSystem",
    "OperationDefinition",
    "Organization",
    "OrganizationAffiliation",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "Substance",
    "ValueSet",
];

/// Types that describe the system itself and hold nothing clinical.
pub(crate) const DEFINITIONAL: [&str; 12] = [
    "CapabilityStatement",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "ImplementationGuide",
    "NamingSystem",
    "OperationDefinition",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "TerminologyCapabilities",
    "ValueSet",
];

/// Says whether a type is reference data.
pub fn is_reference_data(type_name: &str) -> bool {
    REFERENCE_DATA.contains(&type_name)
}
