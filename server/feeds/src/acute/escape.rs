//! Escape sequences of HL7 v2 text (HL7 v2.5.1 section 2.7).

use std::borrow::Cow;

use super::syntax::Separators;

/// Resolves the escape sequences of a text; what is not a known sequence stays as it was sent.
pub(super) fn unescape<'a>(text: &'a str, separators: &Separators) -> Cow<'a, str> {
    let Some(escape) = separators.escape.filter(|escape| text.contains(*escape)) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(escape) {
        out.push_str(before);
        match after.split_once(escape) {
            Some((sequence, next)) if resolve(sequence, separators, &mut out) => rest = next,
            _ => {
                out.push(escape);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Writes what a sequence stands for; false when it is not one.
fn resolve(sequence: &str, separators: &Separators, out: &mut String) -> bool {
    match sequence {
        "F" => out.push(separators.field),
        "S" => out.push(separators.component),
        "T" => out.push(separators.subcomponent),
        "R" => out.push(separators.repetition),
        "E" => out.extend(separators.escape),
        ".br" | ".BR" | ".ce" => out.push('\n'),
        // Highlighting, and formatting that plain text does not have.
        "H" | "N" | ".fi" | ".nf" => {}
        _ => {
            if let Some(hex) = sequence.strip_prefix('X') {
                return hex_bytes(hex, out);
            }
            let Some(lines) = sequence.strip_prefix(".sp") else {
                return [".in", ".ti", ".sk"].iter().any(|command| sequence.starts_with(command));
            };
            let count = lines.trim_start_matches('+').trim().parse::<usize>().unwrap_or(1);
            out.extend(std::iter::repeat_n('\n', count.clamp(1, 100)));
        }
    }
    true
}

/// `\Xdd..\`: bytes in hex, UTF-8 or else ISO-8859-1.
fn hex_bytes(hex: &str, out: &mut String) -> bool {
    if hex.is_empty() || !hex.len().is_multiple_of(2) || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return false;
    }
    let bytes: Vec<u8> = hex
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    match std::str::from_utf8(&bytes) {
        Ok(text) => out.push_str(text),
        Err(_) => out.extend(bytes.iter().map(|byte| char::from(*byte))),
    }
    true
}
