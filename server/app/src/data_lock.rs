//! One server for one folder of embedded databases. Commands may run beside it: they write through SQLite's own locks.

use std::fs::{File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;

use anyhow::{Context as _, Result, bail};

use crate::config::Server;

/// Held as long as the server runs; the operating system lets it go with the process, however that ends.
pub(crate) struct DataLock(#[expect(dead_code, reason = "held, not read")] File);

impl DataLock {
    /// Takes the folder before anything in it is opened or migrated, or says that another server has it. Nothing to take on PostgreSQL, where
    /// many may serve.
    ///
    /// Two servers would not damage the files, but two messages about one person that come in at once are only sure to be linked within one.
    pub(crate) fn take(server: &Server) -> Result<Option<DataLock>> {
        if !server.database_url.is_empty() {
            return Ok(None);
        }
        let folder = &server.data_dir;
        // The store makes it likewise: for its owner alone.
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("make the folder {}", folder.display()))?;
        let path = folder.join("serve.lock");
        let cannot = || format!("lock {}", path.display());
        let file = File::create(&path).with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(DataLock(file))),
            Err(TryLockError::WouldBlock) => bail!(
                "another weir already serves the data in {}; stop it first, or give this one a --data-dir of its own",
                folder.display()
            ),
            Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_folder_is_taken_once_and_comes_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Config::load(None, std::iter::empty()).unwrap().server;
        server.data_dir = folder.path().join("new");
        let first = DataLock::take(&server).unwrap();
        let refused = DataLock::take(&server).err().unwrap().to_string();
        assert!(refused.starts_with("another weir already serves"), "{refused}");
        drop(first);
        assert!(DataLock::take(&server).unwrap().is_some());
    }
}
