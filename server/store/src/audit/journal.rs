//! The file that the records of an embedded store go to first: a sequential write and one flush a batch, in place of the many pages
//! that tables and their indexes would touch before anybody could be answered. [`super::absorb`] moves them into the tables later.
//!
//! A header names the place and hash that the file begins after. Each entry is its length (4 bytes, big-endian), its hash in the chain
//! and its text; the first that does not follow from the one before is the end. The file is filled with zeros ahead of its end and used
//! again from the start once everything in it is in the tables, so that a flush writes no metadata. Several processes may append: who
//! does holds the file's lock, and reads first what others wrote.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::chain::{ChainHash, link};
use crate::error::StoreError;

/// Opens the header; the digit is the format's version.
const MAGIC: &[u8; 8] = b"WEIRAUJ1";
/// Magic, place, hash, and a hash over these.
const HEADER_BYTES: usize = 8 + 8 + 32 + 32;
/// Length and hash before each text.
const ENTRY_HEAD_BYTES: usize = 4 + 32;
/// No record is longer: a longer length is not one.
const TEXT_BYTES_MAX: usize = 16 << 20;
/// What the file has at first, and then grows by at least; it doubles until the step is at its most.
const STEP_BYTES_MIN: u64 = 64 << 10;
const STEP_BYTES_MAX: u64 = 8 << 20;
/// When the tables cannot take the records, the file grows to this and no further: then nothing is answered.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Read at once while looking for entries.
const READ_BYTES: usize = 1 << 20;
/// No length: the end.
const END: [u8; 4] = [0; 4];

/// A place in the chain and the hash there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    /// The place, from 1; 0 before the first record.
    pub(super) seq: u64,
    /// The hash.
    pub(super) hash: ChainHash,
}

/// A record as it lies in the file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its place and hash.
    pub(super) at: Link,
    /// Its text.
    pub(super) text: Vec<u8>,
}

/// An open journal with its reader's or writer's place in it.
#[derive(Debug)]
pub(super) struct Journal {
    file: Arc<File>,
    path: PathBuf,
    /// What the file begins after.
    base: Link,
    /// The last record that this place is behind.
    at: Link,
    /// Where the next entry begins.
    offset: u64,
    /// Bytes that are filled, and need no metadata to be written.
    filled: u64,
}

/// The file's lock; it is given back when this is dropped.
struct Lock(Arc<File>);

impl Drop for Lock {
    fn drop(&mut self) {
        // It goes with the file's closing at the latest.
        let _ = self.0.unlock();
    }
}

impl Journal {
    /// Opens the file, which is made when there is none: `tail` is then where the tables end.
    pub(super) fn open(path: &Path, tail: Link) -> Result<Journal, StoreError> {
        let open = || OpenOptions::new().read(true).write(true).open(path);
        let file = match open() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                make(path, tail).and_then(|()| open()).map_err(|error| failed(path, &error))?
            }
            other => other.map_err(|error| failed(path, &error))?,
        };
        let mut journal = Journal {
            file: Arc::new(file),
            path: path.to_owned(),
            base: tail,
            at: tail,
            offset: HEADER_BYTES as u64,
            filled: 0,
        };
        journal.rewind()?;
        Ok(journal)
    }

    /// The last record that this place is behind.
    pub(super) fn at(&self) -> Link {
        self.at
    }

    /// Appends texts and returns when they are on disk; gives the place of the first.
    pub(super) fn append<'t>(&mut self, texts: impl Iterator<Item = &'t [u8]>) -> Result<u64, StoreError> {
        let _lock = self.lock()?;
        self.check_file()?;
        while !self.read()?.is_empty() {}
        let mut bytes = Vec::new();
        let mut at = self.at;
        for text in texts {
            at = Link { seq: at.seq + 1, hash: link(&at.hash, at.seq + 1, text) };
            let length = u32::try_from(text.len()).ok().filter(|_| text.len() <= TEXT_BYTES_MAX);
            let length = length.ok_or_else(|| StoreError::Invalid("an audit record is too long".to_owned()))?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&at.hash);
            bytes.extend_from_slice(text);
        }
        let end = self.offset + bytes.len() as u64;
        bytes.extend_from_slice(&END);
        if let Err(error) = self.write(&bytes) {
            // What was refused must not be taken for written when somebody reads on from here.
            let _ = self.file.write_all_at(&END, self.offset);
            return Err(failed(&self.path, &error));
        }
        let first = self.at.seq + 1;
        self.at = at;
        self.offset = end;
        Ok(first)
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let end = self.offset + bytes.len() as u64;
        if end > self.filled {
            self.grow(end)?;
        }
        self.file.write_all_at(bytes, self.offset)?;
        self.file.sync_data()
    }

    /// Fills the file with zeros beyond that end.
    fn grow(&mut self, end: u64) -> std::io::Result<()> {
        if end > FILE_BYTES_MAX {
            let reason = "it is at its greatest length: its records cannot be moved into the tables (see the log)";
            return Err(std::io::Error::new(std::io::ErrorKind::StorageFull, reason));
        }
        let step = self.filled.clamp(STEP_BYTES_MIN, STEP_BYTES_MAX);
        let until = end.max(self.filled + step).min(FILE_BYTES_MAX);
        let zeros = vec![0; usize::try_from(until - self.filled).unwrap_or(0)];
        self.file.write_all_at(&zeros, self.filled)?;
        self.file.sync_all()?;
        self.filled = until;
        Ok(())
    }

    /// The entries behind this place, some at a time; none at the end.
    pub(super) fn read_on(&mut self) -> Result<Vec<Entry>, StoreError> {
        let bytes = {
            let _lock = self.lock()?;
            self.bytes()?
        };
        // Checking the hashes takes longer than reading: whoever appends need not wait for it.
        Ok(self.entries(&bytes))
    }

    /// Goes back to the start of the file.
    pub(super) fn go_back(&mut self) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        self.rewind()
    }

    /// Has the file begin anew, if this place is at its end; what is in the tables must be durable there.
    pub(super) fn begin_anew(&mut self) -> Result<bool, StoreError> {
        let _lock = self.lock()?;
        if !self.read()?.is_empty() {
            self.rewind()?;
            return Ok(false);
        }
        let write = || {
            self.file.write_all_at(&[header(self.at).as_slice(), &END].concat(), 0)?;
            self.file.sync_data()
        };
        write().map_err(|error: std::io::Error| failed(&self.path, &error))?;
        self.base = self.at;
        self.offset = HEADER_BYTES as u64;
        Ok(true)
    }

    /// Bytes between the start and this place.
    pub(super) fn bytes_behind(&self) -> u64 {
        self.offset.saturating_sub(HEADER_BYTES as u64)
    }

    fn lock(&self) -> Result<Lock, StoreError> {
        self.file.lock().map_err(|error| failed(&self.path, &error))?;
        Ok(Lock(Arc::clone(&self.file)))
    }

    /// Looks at the file as it is now, the lock being held. Somebody may have moved it away: what goes into it then is lost. Another process may
    /// have made it longer and have filled what was added.
    fn check_file(&mut self) -> Result<(), StoreError> {
        match (std::fs::metadata(&self.path), self.file.metadata()) {
            (Ok(named), Ok(held)) if (named.dev(), named.ino()) == (held.dev(), held.ino()) => {
                self.filled = held.len();
                Ok(())
            }
            _ => {
                let reason = "it was moved or deleted while in use; put it back, or stop and start Weir";
                Err(failed(&self.path, &std::io::Error::other(reason)))
            }
        }
    }

    /// Back to the start of the file, as its header now says.
    fn rewind(&mut self) -> Result<(), StoreError> {
        self.base = self.header()?;
        self.at = self.base;
        self.offset = HEADER_BYTES as u64;
        self.filled = self.file.metadata().map_err(|error| failed(&self.path, &error))?.len();
        Ok(())
    }

    fn header(&self) -> Result<Link, StoreError> {
        let mut bytes = [0; HEADER_BYTES];
        let is_whole = self.file.read_exact_at(&mut bytes, 0).is_ok();
        let (text, hash) = bytes.split_at(HEADER_BYTES - 32);
        let seq = text.get(8..16).and_then(|seq| seq.try_into().ok()).map(u64::from_be_bytes);
        let base = text.get(16..48).and_then(|hash| hash.try_into().ok());
        match (seq, base) {
            (Some(seq), Some(base)) if is_whole && text.starts_with(MAGIC) && *hash == *Sha256::digest(text) => {
                Ok(Link { seq, hash: base })
            }
            _ => {
                let path = self.path.display();
                let message = format!(
                    "the audit journal {path} has no sound header; find out what wrote over it, then move it away to go on without \
                     the records that it holds"
                );
                Err(StoreError::Corrupt(message))
            }
        }
    }

    /// Reads on, the lock being held.
    fn read(&mut self) -> Result<Vec<Entry>, StoreError> {
        let bytes = self.bytes()?;
        Ok(self.entries(&bytes))
    }

    /// What lies behind this place, the lock being held; nothing at the end. Another process may have begun the file anew.
    fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        if self.header()? != self.base {
            self.rewind()?;
        }
        let mut bytes = vec![0; END.len()];
        let got = self.fill(&mut bytes)?;
        bytes.truncate(got);
        if let Some(length) = length_of(&bytes) {
            bytes.resize((ENTRY_HEAD_BYTES + length).max(READ_BYTES), 0);
            let got = self.fill(&mut bytes)?;
            bytes.truncate(got);
        }
        Ok(bytes)
    }

    /// The entries in these bytes, up to the first that does not follow; this place moves behind them.
    fn entries(&mut self, bytes: &[u8]) -> Vec<Entry> {
        let mut rest = bytes;
        let mut found = Vec::new();
        while let Some((entry, behind)) = split(rest, self.at) {
            self.offset += (rest.len() - behind.len()) as u64;
            self.at = entry.at;
            rest = behind;
            found.push(entry);
        }
        found
    }

    /// Reads what there is from this place on, up to the length of the buffer.
    fn fill(&self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let mut got = 0;
        while let Some(room) = buffer.get_mut(got..).filter(|room| !room.is_empty()) {
            match self.file.read_at(room, self.offset + got as u64) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&self.path, &error)),
            }
        }
        Ok(got)
    }
}

/// The length that an entry says it has, if it can be one.
fn length_of(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(bytes.first_chunk::<4>().copied()?) as usize;
    (length > 0 && length <= TEXT_BYTES_MAX).then_some(length)
}

/// The entry at the head, if it follows from the one before, and what comes behind it.
fn split(bytes: &[u8], before: Link) -> Option<(Entry, &[u8])> {
    let length = length_of(bytes)?;
    let hash: &ChainHash = bytes.get(4..)?.first_chunk()?;
    let text = bytes.get(ENTRY_HEAD_BYTES..ENTRY_HEAD_BYTES + length)?;
    let seq = before.seq + 1;
    let is_next = link(&before.hash, seq, text) == *hash;
    let entry = Entry { at: Link { seq, hash: *hash }, text: text.to_vec() };
    is_next.then_some((entry, bytes.get(ENTRY_HEAD_BYTES + length..)?))
}

fn header(base: Link) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&base.seq.to_be_bytes());
    bytes.extend_from_slice(&base.hash);
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&hash);
    bytes
}

/// How often a file was made in this process: two stores of it may be opened at once.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Makes the file whole under another name first: a crash leaves none without its header.
fn make(path: &Path, tail: Link) -> std::io::Result<()> {
    // A name of this call alone. What a crash left under it may be the journal by its other name: it is unlinked, never written.
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let new = path.with_extension(format!("journal.new.{}.{call}", std::process::id()));
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new)?;
    file.write_all_at(&header(tail), 0)?;
    let zeros = vec![0; usize::try_from(STEP_BYTES_MIN).unwrap_or(0).saturating_sub(HEADER_BYTES)];
    file.write_all_at(&zeros, HEADER_BYTES as u64)?;
    file.sync_all()?;
    // Does not replace one that another process has made meanwhile.
    let linked = std::fs::hard_link(&new, path);
    std::fs::remove_file(&new)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// A failure of the file, for whoever runs the server.
fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    if error.kind() == std::io::ErrorKind::StorageFull || error.kind() == std::io::ErrorKind::QuotaExceeded {
        tracing::error!(path = %path.display(), %error, "the audit journal cannot grow");
        return StoreError::Full;
    }
    StoreError::Unavailable(format!("audit journal {}: {error}", path.display()))
}
