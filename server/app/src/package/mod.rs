//! FHIR packages: read from files, folders and a registry, tried, and laid over the built-in definitions.
//! <https://confluence.hl7.org/display/FHIR/NPM+Package+Specification>

mod archive;
mod bounds;
mod contents;
mod faults;
mod in_force;
mod name;
mod registry;

pub use contents::{Package, read_file, read_folder};
pub use faults::{Faults, lines};
pub use in_force::{Trial, Watcher, bring_in_force, stored};
pub use registry::Registry;
