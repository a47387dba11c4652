//! Bytes of a message to text, by the character set that MSH-18 declares (HL7 table 0211).

use std::borrow::Cow;

use crate::MapError;

/// The text of a message, and whether its character set had to be assumed.
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    /// Not UTF-8 and nothing declared: read as ISO-8859-1.
    pub(super) is_assumed: bool,
}

/// Decodes one message.
///
/// ISO-8859-1 is taken when declared, and assumed when nothing is declared and the bytes are not UTF-8; it is read as Windows-1252.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded<'_>, MapError> {
    if bytes.contains(&0) {
        return Err(MapError::malformed("MSH", "a NUL byte: UTF-16, or damaged on the way"));
    }
    let declared = declared(bytes);
    let utf8 = std::str::from_utf8(bytes).ok();
    match declared.as_deref() {
        Some("8859/1" | "ISO-8859-1" | "ISO8859-1" | "ISO_IR 100" | "8859-1") => {
            Ok(Decoded { text: latin1(bytes), is_assumed: false })
        }
        None | Some("" | "ASCII" | "ISO IR6" | "ISO IR 6") => Ok(match utf8 {
            Some(text) => Decoded { text: Cow::Borrowed(text), is_assumed: false },
            None => Decoded { text: latin1(bytes), is_assumed: true },
        }),
        Some(name) if name.starts_with("UNICODE") || name.starts_with("UTF") || bytes.is_ascii() => utf8
            .map(|text| Decoded { text: Cow::Borrowed(text), is_assumed: false })
            .ok_or_else(|| MapError::malformed("MSH-18", "the bytes are not in the declared character set")),
        Some(_) => Err(MapError::malformed("MSH-18", "the declared character set is not known")),
    }
}

/// The first repetition of MSH-18, upper case; read from bytes because it is needed before the text exists.
fn declared(bytes: &[u8]) -> Option<String> {
    let separator = *bytes.get(3)?;
    let repetition = bytes.get(5).copied().unwrap_or(b'~');
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let field = line.split(|byte| *byte == separator).nth(17)?;
    let first = field.split(|byte| *byte == repetition).next()?;
    Some(String::from_utf8_lossy(first).trim().to_ascii_uppercase())
}

fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(crate::windows_1252::decode(bytes)),
    }
}
