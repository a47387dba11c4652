//! What stands in a cell: text of unknown encoding, dates in two forms.

use std::borrow::Cow;

use jiff::civil::Date;

/// Reads a file as UTF-8, with or without a mark, or else as Windows-1252, which spreadsheets still write.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(crate::windows_1252::decode(bytes)),
    }
}

/// Letters and digits in lower case: the form in which headers and labels are compared.
pub(super) fn normalise(text: &str) -> String {
    let text = text.replace('&', "and");
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Reads `31/01/2025` or `2025-01-31`, with or without a midnight behind it.
pub(super) fn date(text: &str) -> Option<Date> {
    let text = text.trim();
    let text = [" 00:00:00.000", " 00:00:00", " 00:00", "T00:00:00Z", "T00:00:00"]
        .iter()
        .find_map(|midnight| text.strip_suffix(midnight))
        .unwrap_or(text);
    let slashed: Vec<&str> = text.split('/').collect();
    let dashed: Vec<&str> = text.split('-').collect();
    let (year, month, day) = match (slashed.as_slice(), dashed.as_slice()) {
        ([day, month, year], _) => (number(year, 4..=4)?, number(month, 1..=2)?, number(day, 1..=2)?),
        (_, [year, month, day]) => (number(year, 4..=4)?, number(month, 2..=2)?, number(day, 2..=2)?),
        _ => return None,
    };
    let in_range = (1850..=2200).contains(&year);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok().filter(|_| in_range)
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i16> {
    let is_number = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
