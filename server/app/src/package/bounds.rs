//! How much of a package is read: all of it is in memory at once, some ten times as large as its text.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::archive::shown;

/// The largest file of a published package of definitions has some 20 MB.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The largest published package of definitions holds some 150 MB.
const PACKAGE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What was read of one package.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    bytes: u64,
}

impl Bounds {
    /// Counts a file that is about to be read.
    pub(super) fn take(&mut self, name: &str, size: u64) -> Result<()> {
        let name = shown(name);
        ensure!(size <= FILE_BYTES_MAX, "{name}: it has {size} bytes, a file may have {FILE_BYTES_MAX}");
        self.bytes = self.bytes.saturating_add(size);
        let sum = self.bytes;
        ensure!(
            sum <= PACKAGE_BYTES_MAX,
            "{name}: with it the files have {sum} bytes, a package may have {PACKAGE_BYTES_MAX}"
        );
        Ok(())
    }

    /// Reads a file within the bounds.
    pub(super) fn read(&mut self, path: &Path, name: &str) -> Result<Vec<u8>> {
        let read = || format!("read {}", path.display());
        let file = File::open(path).with_context(read)?;
        let size = file.metadata().with_context(read)?.len();
        self.take(name, size)?;
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes).with_context(read)?;
        Ok(bytes)
    }
}
