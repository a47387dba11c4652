//! Search parameters in force: those of the definitions, and those that came as SearchParameter resources at run time.
//!
//! What is in force is a row in the database with a generation number. Each transaction of the writer and each search looks at that
//! number, so that no node writes rows, or answers, by an outdated list. <https://hl7.org/fhir/R4/searchparameter.html>

mod known;
mod listed;
mod register;
mod retired;
mod uses;

pub(crate) use known::{Known, Parameters, generation};
pub(crate) use listed::Listed;
pub(crate) use register::{TYPE, register};
pub(crate) use retired::all as retired;
