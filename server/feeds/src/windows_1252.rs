//! Windows-1252: what spreadsheets write, and what senders that declare ISO-8859-1 mostly send; the two differ only where
//! ISO-8859-1 has control characters, which no text holds. <https://encoding.spec.whatwg.org/#windows-1252>

/// The bytes 0x80 to 0x9F; five are not assigned.
const DIFFERENT: [char; 32] = [
    '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž', '\u{fffd}', '\u{fffd}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}', 'ž', 'Ÿ',
];

/// Reads bytes as text.
pub(crate) fn decode(bytes: &[u8]) -> String {
    let character = |byte: &u8| match byte {
        0x80..=0x9f => DIFFERENT.get(usize::from(byte - 0x80)).copied().unwrap_or('\u{fffd}'),
        _ => char::from(*byte),
    };
    bytes.iter().map(character).collect()
}
