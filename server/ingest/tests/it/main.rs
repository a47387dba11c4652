//! The pipeline through its public doors, on each database that there is.

mod linking;
mod messages;
mod mllp;
mod support;
