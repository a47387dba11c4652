//! SQLite: one writing connection, reading connections by thread.

mod checkpoint;
mod reader;
mod session;

pub(crate) use reader::read;
pub(crate) use session::{Mode, SqliteSession};
