//! Systems of identifiers and codes that UK mappings write.

/// NHS number.
pub const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// ODS organisation code.
pub const ODS_ORGANISATION: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// ODS site code.
pub const ODS_SITE: &str = "https://fhir.nhs.uk/Id/ods-site-code";
/// SDS user id.
pub const SDS_USER: &str = "https://fhir.nhs.uk/Id/sds-user-id";
/// GMC number.
pub const GMC: &str = "https://fhir.hl7.org.uk/Id/gmc-number";
/// GMP number.
pub const GMP: &str = "https://fhir.hl7.org.uk/Id/gmp-number";
/// SNOMED CT.
pub const SNOMED: &str = "http://snomed.info/sct";
/// LOINC.
pub const LOINC: &str = "http://loinc.org";
/// UCUM.
pub const UCUM: &str = "http://unitsofmeasure.org";
/// ICD-10.
pub const ICD10: &str = "http://hl7.org/fhir/sid/icd-10";
/// OPCS-4.
pub const OPCS4: &str = "https://fhir.hl7.org.uk/CodeSystem/OPCS-4";
/// dm+d.
pub const DMD: &str = "https://dmd.nhs.uk";
/// Read v2.
pub const READ_V2: &str = "http://read.info/readv2";
/// CTV3.
pub const CTV3: &str = "http://read.info/ctv3";
/// Confidentiality labels.
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
/// Act codes: encounter classes, consent and sensitivity.
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Kinds of identifier.
pub const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
/// Categories of observation.
pub const OBSERVATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
/// Interpretation of observations.
pub const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
/// Why a value is absent.
pub const DATA_ABSENT_REASON: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
/// Diagnostic service sections.
pub const DIAGNOSTIC_SERVICE: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";
/// Clinical status of a condition.
pub const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
/// Verification status of a condition.
pub const CONDITION_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
/// Categories of condition.
pub const CONDITION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
/// Clinical status of an allergy.
pub const ALLERGY_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
/// Verification status of an allergy.
pub const ALLERGY_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

/// A UK Core code system: `uk_core("EthnicCategoryEngland")`.
pub fn uk_core(name: &str) -> String {
    format!("https://fhir.hl7.org.uk/CodeSystem/UKCore-{name}")
}
