//! The built-in table: the files of `data/`, packed by `build.rs`.
//!
//! The pack is, for each file, its name, a tab, its length in bytes and a line feed, then the files one after another.

use std::collections::HashMap;
use std::io;

use serde::de::DeserializeOwned;

use crate::DefinitionsError;

const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/definitions.zst"));

/// Unpacks the files by name.
pub(crate) fn files() -> Result<HashMap<String, String>, DefinitionsError> {
    let bytes = zstd::decode_all(PACKED).map_err(|source| embedded("the pack", source))?;
    let text = String::from_utf8(bytes).map_err(|source| embedded("the pack", io::Error::other(source)))?;
    let (head, mut rest) = text.split_once("\n\n").ok_or_else(|| missing("the pack"))?;
    let mut files = HashMap::new();
    for line in head.lines() {
        let (name, length) = line.split_once('\t').ok_or_else(|| missing("the pack"))?;
        let length = length.parse().map_err(|source| embedded(name, io::Error::other(source)))?;
        let (file, after) = rest.split_at_checked(length).ok_or_else(|| missing(name))?;
        files.insert(name.to_owned(), file.to_owned());
        rest = after;
    }
    Ok(files)
}

/// Reads all records of a file.
pub(crate) fn records<T: DeserializeOwned>(
    files: &HashMap<String, String>,
    name: &str,
) -> Result<Vec<T>, DefinitionsError> {
    let lines = file(files, name)?.lines();
    lines.map(|line| serde_json::from_str(line).map_err(|source| embedded(name, source.into()))).collect()
}

/// Gives the unread records of a file by their url, which each line has as its first property.
pub(crate) fn lines(
    files: &HashMap<String, String>,
    name: &str,
) -> Result<HashMap<String, Box<str>>, DefinitionsError> {
    let lines = file(files, name)?.lines();
    lines
        .map(|line| {
            let url = line.strip_prefix("{\"url\":\"").and_then(|rest| rest.split_once('"'));
            let (url, _) = url.ok_or_else(|| missing(name))?;
            Ok((url.to_owned(), Box::from(line)))
        })
        .collect()
}

fn file<'f>(files: &'f HashMap<String, String>, name: &str) -> Result<&'f str, DefinitionsError> {
    files.get(name).map(String::as_str).ok_or_else(|| missing(name))
}

fn missing(file: &str) -> DefinitionsError {
    embedded(file, io::ErrorKind::UnexpectedEof.into())
}

fn embedded(file: &str, source: io::Error) -> DefinitionsError {
    DefinitionsError::Embedded { file: file.to_owned(), source }
}
