//! The files of a job: NDJSON, one resource a line, in pieces of a limited size.

use std::path::{Path, PathBuf};

use store::JobFile;
use tokio::fs::{self, File};
use tokio::io::{AsyncWriteExt as _, BufWriter};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// Files of one type and list, written one after another.
pub(crate) struct Output<'a> {
    folder: &'a Path,
    type_name: &'a str,
    kind: &'a str,
    bytes_max: u64,
    open: Option<(BufWriter<File>, JobFile)>,
    files: Vec<JobFile>,
}

impl<'a> Output<'a> {
    /// Nothing is made before the first line.
    pub(crate) fn new(folder: &'a Path, type_name: &'a str, kind: &'a str, bytes_max: u64) -> Output<'a> {
        Output { folder, type_name, kind, bytes_max, open: None, files: Vec::new() }
    }

    /// Writes a resource as one line.
    pub(crate) async fn line(&mut self, body: &[u8]) -> std::io::Result<()> {
        let length = body.len() as u64 + 1;
        if self.open.as_ref().is_some_and(|(_, file)| file.size_bytes.saturating_add(length) > self.bytes_max) {
            self.close().await?;
        }
        if self.open.is_none() {
            self.open = Some(self.begin().await?);
        }
        let Some((writer, file)) = &mut self.open else { return Ok(()) };
        // Within a JSON string a line break is always written as an escape: these are only between tokens.
        for piece in body.split(|byte| matches!(byte, b'\n' | b'\r')) {
            writer.write_all(piece).await?;
            file.size_bytes += piece.len() as u64;
        }
        writer.write_all(b"\n").await?;
        file.size_bytes += 1;
        file.resources += 1;
        Ok(())
    }

    /// Closes the last file and gives the list.
    pub(crate) async fn finish(mut self) -> std::io::Result<Vec<JobFile>> {
        self.close().await?;
        Ok(self.files)
    }

    async fn begin(&self) -> std::io::Result<(BufWriter<File>, JobFile)> {
        let prefix = if self.kind == "output" { self.type_name } else { self.kind };
        let name = format!("{prefix}-{}.ndjson", self.files.len() + 1);
        let file = create_private(&self.folder.join(part_name(&name))).await?;
        let (type_name, kind) = (self.type_name.to_owned(), self.kind.to_owned());
        let entry = JobFile { name, type_name, kind, resources: 0, size_bytes: 0 };
        Ok((BufWriter::with_capacity(BUFFER_BYTES, file), entry))
    }

    async fn close(&mut self) -> std::io::Result<()> {
        let Some((mut writer, file)) = self.open.take() else { return Ok(()) };
        writer.flush().await?;
        writer.into_inner().sync_all().await?;
        fs::rename(self.folder.join(part_name(&file.name)), self.folder.join(&file.name)).await?;
        self.files.push(file);
        Ok(())
    }
}

/// A file that is not finished has another name.
fn part_name(name: &str) -> String {
    format!("{name}.part")
}

/// Makes a file that only this user can read.
async fn create_private(path: &Path) -> std::io::Result<File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).await
}

/// Makes an empty folder that only this user can read.
pub(crate) async fn make_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(path).await
}

/// Makes the names in a folder durable.
pub(crate) async fn sync_folder(path: PathBuf) -> std::io::Result<()> {
    File::open(path).await?.sync_all().await
}

/// Removes a folder with all in it, if it is there.
pub(crate) async fn remove_folder(path: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
