//! HL7 v2 from acute trusts: parser, ADT and ORU to UK Core, acknowledgements.
//!
//! Governed by the HL7 v2 standard (2.1 to 2.8), the HL7 UK standard A.3 and the v2-to-FHIR maps.

mod acknowledgement;
mod adt;
mod batch;
mod charset;
mod clinical;
mod datatype;
mod encounter;
mod escape;
mod event;
mod group;
mod header;
mod identifier;
mod mapping;
mod message;
mod observation;
mod oru;
mod patient;
mod provider;
mod report;
mod sensitivity;
mod syntax;
mod tables;
mod time;
mod ucum;
mod value;

pub use acknowledgement::{AckCode, AckError, acknowledge};
pub(crate) use message::count;
pub use message::{map, split};
