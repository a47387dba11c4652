//! Folding of text for string search. <https://hl7.org/fhir/R4/search.html#string>

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::index::TEXT_LENGTH_MAX_BYTES;

/// Folds case, accents and punctuation, so that `Müller-Lüdenscheid` is found by `muller lud` and `O'Brien` by `obrien`.
pub fn normalise(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut is_gap = false;
    if text.is_ascii() {
        // Most text is: its letters need no tables.
        for c in text.bytes().map(char::from) {
            if c.is_ascii_alphanumeric() {
                if is_gap && !folded.is_empty() {
                    folded.push(' ');
                }
                is_gap = false;
                folded.push(c.to_ascii_lowercase());
            } else if !is_silent(c) {
                is_gap = true;
            }
        }
        return folded;
    }
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        if c.is_alphanumeric() {
            if is_gap && !folded.is_empty() {
                folded.push(' ');
            }
            is_gap = false;
            match c {
                'ß' | 'ẞ' => folded.push_str("ss"),
                'æ' | 'Æ' => folded.push_str("ae"),
                'œ' | 'Œ' => folded.push_str("oe"),
                'ø' | 'Ø' => folded.push('o'),
                'ł' | 'Ł' => folded.push('l'),
                'đ' | 'Đ' | 'ð' | 'Ð' => folded.push('d'),
                'þ' | 'Þ' => folded.push_str("th"),
                _ => folded.extend(c.to_lowercase()),
            }
        } else if !is_silent(c) {
            is_gap = true;
        }
    }
    folded
}

/// Marks inside a word that are left out rather than taken for a gap.
fn is_silent(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`' | '´' | 'ʼ' | '.' | '\u{ad}' | '\u{200b}'..='\u{200d}')
}

/// Cuts a text to what an index entry holds.
pub(crate) fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_LENGTH_MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
