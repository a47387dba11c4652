//! Comments in a JSON text, which JSON itself does not have: `// to the end of the line` and `/* between */`.

/// Puts white space in place of comments, so that all else keeps its line and column; a text within quotes stays as it is.
pub(crate) fn without_comments(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (length, is_comment) = match (first, after.first()) {
            (b'"', _) => (quoted(rest), false),
            (b'/', Some(b'/')) => (rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()), true),
            (b'/', Some(b'*')) => match rest.windows(2).skip(2).position(|pair| pair == b"*/") {
                Some(end) => (end + 4, true),
                // One that is not closed stays, for the parser to name its place.
                None => (rest.len(), false),
            },
            _ => (1, false),
        };
        let (part, after) = rest.split_at(length.min(rest.len()));
        if is_comment {
            let blank = part.iter().filter(|byte| !is_continuation(**byte));
            plain.extend(blank.map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
        } else {
            plain.extend_from_slice(part);
        }
        rest = after;
    }
    plain
}

/// Gives the length of a text within quotes, both quotes included.
fn quoted(text: &[u8]) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Says whether a byte goes on with a character of UTF-8: columns count characters.
fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}
