//! GP Connect Access Record Structured 1.6 (FHIR STU3) to UK Core R4; one file a resource type.

mod allergy_intolerance;
mod bundle;
mod condition;
mod convert;
mod datatype;
mod diagnostic_report;
mod document_reference;
mod encounter;
mod episode_of_care;
mod extension;
mod field;
mod healthcare_service;
mod immunization;
mod key;
mod list;
mod location;
mod medication;
mod medication_request;
mod medication_statement;
mod observation;
mod organization;
mod patient;
mod practitioner;
mod practitioner_role;
mod procedure;
mod procedure_request;
mod profile;
mod questionnaire_response;
mod referral_request;
mod related_person;
mod specimen;

pub(crate) use bundle::count;
pub use bundle::map;
pub use convert::convert;
