//! Adult social care client level data (CLD): CSV, one row per event, releases 1 and 2, to UK Core.

mod assessment;
mod cell;
mod circumstance;
mod column;
mod event;
mod file;
mod label;
mod person;
mod request;
mod review;
mod row;
mod service;
mod support_reason;

pub(crate) use file::count;
pub use file::map;
