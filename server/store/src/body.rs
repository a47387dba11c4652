//! Bodies as they lie in the database: compressed, and without version and time, which are columns, so that nothing is left to do on a
//! body when the writer takes it.
//!
//! A body is a zstd frame that names its dictionary, or the text itself where that is no longer: JSON does not begin as a frame does.

use std::cell::RefCell;
use std::sync::LazyLock;

use bytes::Bytes;
use fhir::{Instant, Json};
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::get_frame_content_size;

use crate::error::StoreError;

/// Made by `cargo xtask dictionary`. Bodies lean on it: it is never changed, and another comes beside it under its own number.
static DICTIONARY: &[u8] = include_bytes!("../data/body.dictionary");
/// The default. One is not faster on texts of a KB and packs a twentieth less; the fast levels take half the time and a third more room.
const LEVEL: i32 = 3;
/// The first bytes of a frame (RFC 8878 section 3.1.1).
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Longest text that is unpacked: beyond any body that the server takes, and a bound for what a damaged row can ask for.
const TEXT_MAX: usize = 1 << 30;

static ENCODER: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

thread_local! {
    // A context takes longer to make than a body to pack.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The body column for an unstamped text ([`fhir::resource::unstamped`]).
pub(crate) fn pack(unstamped: &[u8]) -> Bytes {
    let packed = COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(Compressor::with_prepared_dictionary(&ENCODER)?),
        };
        compressor.compress(unstamped)
    });
    match packed {
        Ok(packed) if packed.len() < unstamped.len() => packed.into(),
        _ => Bytes::copy_from_slice(unstamped),
    }
}

/// The bytes to serve, from a body column; empty for a deletion marker.
pub(crate) fn unpack(stored: &[u8], version: u64, last_updated: Instant) -> Result<Bytes, StoreError> {
    if !stored.starts_with(&FRAME) {
        return Ok(fhir::resource::fill_stamp(stored, version, last_updated).into());
    }
    let damaged = || StoreError::Corrupt("a stored body cannot be unpacked".to_owned());
    let length = get_frame_content_size(stored).ok().flatten().and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length <= TEXT_MAX).ok_or_else(damaged)?;
    let unpacked = DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::with_prepared_dictionary(&DECODER)?),
        };
        decompressor.decompress(stored, length)
    });
    let unstamped = unpacked.map_err(|_| damaged())?;
    Ok(fhir::resource::fill_stamp(&unstamped, version, last_updated).into())
}

/// The tree of a body that this program stored.
pub(crate) fn parse_stored(body: &Bytes) -> Result<Json, StoreError> {
    Json::parse(body).map_err(|_| StoreError::Corrupt("a stored body is not JSON".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_comes_back_as_it_was_packed_or_plain() {
        let check = |text: &str, is_packed: bool| {
            let json = Json::parse(text.as_bytes()).unwrap();
            let stored = pack(&fhir::resource::unstamped(&json, "x1"));
            assert_eq!(stored.starts_with(&FRAME), is_packed, "{text}");
            let expected = fhir::resource::stamp(&json, "x1", 12, Instant(5));
            assert_eq!(unpack(&stored, 12, Instant(5)).unwrap(), expected);
        };
        check(r#"{"resourceType":"Observation","status":"final","valueQuantity":{"value":1.500,"unit":"kg"}}"#, true);
        check(&format!(r#"{{"resourceType":"Binary","data":"{}"}}"#, "QUJD".repeat(50_000)), true);
        check("[\"\u{7f}q#\"]", false);
        assert!(unpack(b"", 1, Instant(0)).unwrap().is_empty());
    }

    #[test]
    fn damaged_body_is_an_error() {
        let json = Json::parse(br#"{"resourceType":"Patient","active":true}"#).unwrap();
        let stored = pack(&fhir::resource::unstamped(&json, "x1"));
        let half = stored.get(..stored.len() / 2).unwrap();
        assert!(matches!(unpack(half, 1, Instant(0)), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn dictionary_is_named_by_its_frames() {
        let json = Json::parse(br#"{"resourceType":"Patient","active":true}"#).unwrap();
        let stored = pack(&fhir::resource::unstamped(&json, "x1"));
        // Bytes 4 to 7 of a dictionary are its number; a frame bears it after its header byte, in as many bytes as it needs.
        let number = DICTIONARY.get(4..8).unwrap();
        assert_eq!(stored.get(5..9).unwrap(), number);
    }
}
