//! Files of NDJSON, packed or not, cut into pieces. <https://hl7.org/fhir/R4/nd-json.html>

use std::fs::File;
use std::io::{BufRead, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;
use ingest::ndjson::{Line, Piece};
use tokio::sync::mpsc::Sender;

/// The path that means the standard input.
const STDIN: &str = "-";
/// Lines of the first piece: a short load is soon told and stored.
const FIRST_LINES: usize = 1000;
/// Lines of a piece, a transaction; each is twice as long as the one before up to this. The longer, the more of its rows share pages of the
/// index; the longer, too, do others wait who write to the same store: a third of a second.
const PIECE_LINES: usize = 4000;
/// Bytes of a piece, so that a few large resources do not fill the memory.
const PIECE_BYTES: usize = 8 << 20;
/// Bytes read at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// The largest window that a packed file may ask for, as a power of two: what `zstd --long` needs unless told otherwise.
const WINDOW_LOG_MAX: u32 = 27;

/// The files that the paths name; in folders those of NDJSON alone, since exports keep other files beside them.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == STDIN {
            found.push(path.clone());
            continue;
        }
        let of_path = crate::command::files(std::slice::from_ref(path))?;
        found.extend(of_path.into_iter().filter(|file| !path.is_dir() || is_ndjson(file)));
    }
    anyhow::ensure!(
        !found.is_empty(),
        "there are no files named .ndjson, .ndjson.gz or .ndjson.zst in the folders given"
    );
    Ok(found)
}

/// Bytes of the files as they lie there; of the standard input nothing.
pub(crate) fn size_bytes(files: &[PathBuf]) -> u64 {
    files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|metadata| metadata.len()).sum()
}

/// Reads the files one after the other and sends their pieces; ends early when nobody takes them any more.
pub(crate) fn read(files: &[PathBuf], line_bytes_max: usize, read: &Arc<AtomicU64>, to: &Sender<Piece>) -> Result<()> {
    for (at, file) in files.iter().enumerate() {
        let reading = || format!("read {}", name(file));
        let mut lines =
            Lines { reader: open(file, Arc::clone(read)).with_context(reading)?, number: 0, line_bytes_max };
        let mut most = FIRST_LINES;
        loop {
            let mut piece = Vec::new();
            // What came before a fault is sent all the same.
            let end = lines.piece(&mut piece, most);
            let is_end = piece.is_empty();
            if !is_end && to.blocking_send(Piece { file: at, lines: piece }).is_err() {
                return Ok(());
            }
            end.with_context(reading)?;
            if is_end {
                break;
            }
            most = (2 * most).min(PIECE_LINES);
        }
    }
    Ok(())
}

/// How a file is named to its user.
pub(crate) fn name(file: &Path) -> String {
    if file.as_os_str() == STDIN { "standard input".to_owned() } else { file.display().to_string() }
}

fn is_ndjson(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    [".ndjson", ".ndjson.gz", ".ndjson.zst"].iter().any(|ending| name.ends_with(ending))
}

/// Opens a file and unpacks it, as its first bytes say.
fn open(file: &Path, read: Arc<AtomicU64>) -> Result<Box<dyn BufRead>> {
    let source: Box<dyn Read> =
        if file.as_os_str() == STDIN { Box::new(std::io::stdin()) } else { Box::new(File::open(file)?) };
    let mut source = Counted { source, read };
    let mut start = Vec::new();
    (&mut source).take(4).read_to_end(&mut start)?;
    let whole: Chain<Cursor<Vec<u8>>, Counted> = Cursor::new(start.clone()).chain(source);
    let plain: Box<dyn Read> = match start.as_slice() {
        // RFC 1952 section 2.3.1.
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, whole))),
        // RFC 8878 section 3.1.1.
        [0x28, 0xb5, 0x2f, 0xfd] => {
            let mut decoder = zstd::Decoder::new(whole)?;
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        _ => Box::new(whole),
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, plain)))
}

/// Tells how much was read of what lies on the disk.
struct Counted {
    source: Box<dyn Read>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// The lines of one file.
struct Lines {
    reader: Box<dyn BufRead>,
    number: u64,
    line_bytes_max: usize,
}

impl Lines {
    /// The next lines, at most so many; none at the end.
    fn piece(&mut self, lines: &mut Vec<Line>, most: usize) -> std::io::Result<()> {
        let mut bytes = 0;
        while lines.len() < most && bytes < PIECE_BYTES {
            let mut text = Vec::new();
            // One byte more than allowed tells that there is more.
            let bytes_max = self.line_bytes_max as u64 + 1;
            if (&mut self.reader).take(bytes_max).read_until(b'\n', &mut text)? == 0 {
                break;
            }
            self.number += 1;
            let is_too_long = text.len() > self.line_bytes_max && text.last() != Some(&b'\n');
            if is_too_long {
                self.reader.skip_until(b'\n')?;
                text.clear();
            }
            let end = text.trim_ascii_end().len();
            text.truncate(end);
            if !text.is_empty() || is_too_long {
                bytes += text.len();
                lines.push(Line { number: self.number, text: text.into() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, line_bytes_max: usize) -> Vec<(u64, String)> {
        let mut lines = Lines { reader: Box::new(Cursor::new(text.as_bytes().to_vec())), number: 0, line_bytes_max };
        let text = |line: Line| (line.number, String::from_utf8(line.text.to_vec()).unwrap());
        let mut piece = Vec::new();
        lines.piece(&mut piece, 9).unwrap();
        piece.into_iter().map(text).collect()
    }

    #[test]
    fn blank_lines_are_counted_and_left_out() {
        let expected = [(1, "{1}".to_owned()), (4, "{4}".to_owned()), (5, "{5}".to_owned())];
        assert_eq!(lines("{1}\r\n\n  \n{4}\n{5}", 9), expected);
    }

    #[test]
    fn lines_before_a_fault_are_given() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, b"{1}\n{2}\n").unwrap();
        let mut packed = packed.finish().unwrap();
        packed.truncate(packed.len() - 4);
        let reader = BufReader::new(MultiGzDecoder::new(Cursor::new(packed)));
        let mut lines = Lines { reader: Box::new(reader), number: 0, line_bytes_max: 9 };
        let mut piece = Vec::new();
        assert!(lines.piece(&mut piece, 9).is_err());
        assert_eq!(piece.len(), 2);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_empty_and_the_next_is_read() {
        let expected = [(1, "12345".to_owned()), (2, String::new()), (3, "1".to_owned())];
        assert_eq!(lines("12345\n123456\n1\n", 5), expected);
    }
}
