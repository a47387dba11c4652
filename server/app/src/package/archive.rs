//! The files of a gzipped tar archive, in the forms that package tools write: ustar, with long names the way of GNU or of pax.
//!
//! It is read as a stream, and what a header promises is held against the bounds before it is read.

use std::io::{self, Read};

use anyhow::{Context as _, Result, bail, ensure};
use flate2::read::GzDecoder;

use super::bounds::Bounds;

/// An archive that unpacks to more is not a package but an attack, or a mistake.
const UNPACKED_BYTES_MAX: u64 = 1024 * 1024 * 1024;
const BLOCK: usize = 512;
/// Longer than any file system's.
const NAME_BYTES_MAX: u64 = 8 * 1024;

/// Unpacks the files of an archive whose names are wanted: names and bytes.
pub(super) fn files(packed: impl Read, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<(String, Vec<u8>)>> {
    let mut archive = Archive { unpacked: GzDecoder::new(packed), bytes_left: UNPACKED_BYTES_MAX };
    let mut bounds = Bounds::default();
    let mut found = Vec::new();
    let mut long_name = None;
    while let Some(header) = archive.header()? {
        let size = header.size()?;
        archive.take_from_rest(size)?;
        match header.kind() {
            b'L' | b'x' => {
                ensure!(size <= NAME_BYTES_MAX, "a name in it has more than {NAME_BYTES_MAX} bytes");
                let bytes = archive.bytes(size, "a name")?;
                long_name = if header.kind() == b'L' { Some(text(&bytes)) } else { pax_path(&bytes).or(long_name) };
            }
            // Some tools say `7` for files; what `g` says holds for all and is no name.
            b'0' | 0 | b'7' => {
                let name = inside(long_name.take().unwrap_or_else(|| header.name()))?;
                if is_wanted(&name) {
                    bounds.take(&name, size)?;
                    let bytes = archive.bytes(size, &name)?;
                    found.push((name, bytes));
                } else {
                    archive.skip(size)?;
                }
            }
            b'5' | b'g' => {
                long_name = None;
                archive.skip(size)?;
            }
            _ => {
                let name = inside(long_name.take().unwrap_or_else(|| header.name()))?;
                bail!("{} is neither a file nor a folder", shown(&name));
            }
        }
    }
    Ok(found)
}

/// A name as a message may show it: it may hold anything.
pub(super) fn shown(name: &str) -> String {
    const LETTERS_MAX: usize = 200;
    name.chars().take(LETTERS_MAX).flat_map(char::escape_debug).collect()
}

/// A name below the archive. Nothing is written where it says; one that leads out of the archive was still made to do harm.
fn inside(name: String) -> Result<String> {
    let is_out = name.starts_with('/') || name.split(['/', '\\']).any(|part| part == "..");
    ensure!(!is_out, "{} leads out of it", shown(&name));
    // `tar` writes what was named with it.
    Ok(name.trim_start_matches("./").to_owned())
}

struct Archive<R> {
    unpacked: R,
    bytes_left: u64,
}

impl<R: Read> Archive<R> {
    /// The next header; none at the end.
    fn header(&mut self) -> Result<Option<Header>> {
        let mut block = Vec::with_capacity(BLOCK);
        let read = self.unpacked.by_ref().take(BLOCK as u64).read_to_end(&mut block);
        read.context("it is not a gzipped archive, or it is cut short")?;
        ensure!(block.is_empty() || block.len() == BLOCK, "it is no tar archive, or it is cut short");
        let header = Header(block);
        if header.name().is_empty() {
            // The checksum comes last.
            let rest = io::copy(&mut self.unpacked.by_ref().take(self.bytes_left), &mut io::sink());
            rest.context("it is cut short or was changed")?;
            return Ok(None);
        }
        Ok(Some(header))
    }

    /// Counts an entry before it is unpacked.
    fn take_from_rest(&mut self, size: u64) -> Result<()> {
        let left = size.checked_next_multiple_of(BLOCK as u64).and_then(|size| self.bytes_left.checked_sub(size));
        let left = left.and_then(|left| left.checked_sub(BLOCK as u64));
        self.bytes_left = left.with_context(|| format!("it unpacks to more than {UNPACKED_BYTES_MAX} bytes"))?;
        Ok(())
    }

    fn bytes(&mut self, size: u64, name: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let cut = || format!("it is cut short in {}", shown(name));
        self.unpacked.by_ref().take(size).read_to_end(&mut bytes).with_context(cut)?;
        ensure!(bytes.len() as u64 == size, cut());
        self.skip_padding(size)?;
        Ok(bytes)
    }

    fn skip(&mut self, size: u64) -> Result<()> {
        io::copy(&mut self.unpacked.by_ref().take(size), &mut io::sink()).context("it is cut short or was changed")?;
        self.skip_padding(size)
    }

    fn skip_padding(&mut self, size: u64) -> Result<()> {
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        io::copy(&mut self.unpacked.by_ref().take(padding), &mut io::sink())
            .context("it is cut short or was changed")?;
        Ok(())
    }
}

struct Header(Vec<u8>);

impl Header {
    fn field(&self, from: usize, to: usize) -> String {
        text(self.0.get(from..to).unwrap_or_default())
    }

    fn name(&self) -> String {
        let (name, prefix) = (self.field(0, 100), self.field(345, 500));
        let is_ustar = self.field(257, 262) == "ustar" && self.0.get(262) == Some(&0);
        if prefix.is_empty() || !is_ustar { name } else { format!("{prefix}/{name}") }
    }

    fn size(&self) -> Result<u64> {
        let text = self.field(124, 136);
        u64::from_str_radix(text.trim(), 8).context("it is no tar archive: a header has no size")
    }

    fn kind(&self) -> u8 {
        self.0.get(156).copied().unwrap_or_default()
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// Records are `length key=value` lines.
fn pax_path(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().find_map(|line| line.split_once(' ')?.1.strip_prefix("path=").map(str::to_owned))
}
