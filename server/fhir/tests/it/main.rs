//! What `fhir` promises, by data in and data out.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bundle;
mod date;
mod issue;
mod json;
mod json_patch;
mod london;
mod meta;
mod nhs_number;
mod r4_examples;
mod reference;
mod resource;
mod spec_examples;
mod xml;
