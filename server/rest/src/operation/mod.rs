//! The operations, one a file.

pub(crate) mod export_delete;
pub(crate) mod export_file;
pub(crate) mod export_kick_off;
pub(crate) mod export_status;
