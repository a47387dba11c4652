//! The files of a gzipped tar archive, in the forms that package tools write: ustar, with long names the way of GNU or of pax.

use std::io::Read as _;

use anyhow::{Context as _, Result, bail, ensure};
use flate2::read::GzDecoder;

/// An archive that unpacks to more is not a package but an attack, or a mistake.
const UNPACKED_BYTES_MAX: u64 = 1024 * 1024 * 1024;
const BLOCK: usize = 512;

/// Unpacks an archive: names and bytes of its files.
pub(super) fn files(packed: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut archive = Vec::new();
    let read = GzDecoder::new(packed).take(UNPACKED_BYTES_MAX + 1).read_to_end(&mut archive);
    read.context("it is not a gzipped archive, or it is cut short")?;
    ensure!(archive.len() as u64 <= UNPACKED_BYTES_MAX, "it unpacks to more than {UNPACKED_BYTES_MAX} bytes");
    let mut found = Vec::new();
    let mut long_name = None;
    let mut rest = archive.as_slice();
    while let Some((header, after)) = rest.split_at_checked(BLOCK) {
        let header = Header(header);
        let name = header.name();
        if name.is_empty() {
            break;
        }
        let size = header.size()?;
        let Some((bytes, _)) = after.split_at_checked(size) else { bail!("it is cut short in {name}") };
        rest = after.get(size.next_multiple_of(BLOCK)..).unwrap_or_default();
        match header.kind() {
            b'0' | 0 => found.push((long_name.take().unwrap_or(name), bytes.to_vec())),
            b'L' => long_name = Some(text(bytes)),
            b'x' => long_name = pax_path(bytes).or(long_name),
            _ => {}
        }
    }
    Ok(found)
}

struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn field(&self, from: usize, to: usize) -> String {
        text(self.0.get(from..to).unwrap_or_default())
    }

    fn name(&self) -> String {
        let (name, prefix) = (self.field(0, 100), self.field(345, 500));
        let is_ustar = self.field(257, 262) == "ustar" && self.0.get(262) == Some(&0);
        if prefix.is_empty() || !is_ustar { name } else { format!("{prefix}/{name}") }
    }

    fn size(&self) -> Result<usize> {
        usize::from_str_radix(self.field(124, 136).trim(), 8).context("a header of the archive has no size")
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
