//! Files and frames: batches (FHS, BHS) and MLLP bytes around messages.

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Cuts a file before each MSH at a line start; batch headers, trailers and framing bytes fall away.
///
/// Anything else before the first MSH is a piece of its own, so that it is refused and not lost; a file without an MSH
/// is one piece.
pub(super) fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let starts = message_starts(bytes);
    let mut pieces = Vec::with_capacity(starts.len());
    let mut push = |start: usize, end: usize| {
        let piece = trim(bytes.get(start..end).unwrap_or_default());
        if !piece.is_empty() {
            pieces.push(piece);
        }
    };
    let Some(first) = starts.first() else {
        let piece = trim(bytes);
        return if piece.is_empty() { vec![bytes] } else { vec![piece] };
    };
    push(0, *first);
    for (place, start) in starts.iter().enumerate() {
        push(*start, starts.get(place + 1).copied().unwrap_or(bytes.len()));
    }
    pieces
}

fn message_starts(bytes: &[u8]) -> Vec<usize> {
    let begins_line = |at: usize| match at.checked_sub(1).and_then(|before| bytes.get(before)) {
        None | Some(b'\r' | b'\n' | 0x0B | 0x1C) => true,
        Some(0xBF) => at == BOM.len() && bytes.starts_with(BOM),
        Some(_) => false,
    };
    let is_header = |rest: &[u8]| {
        rest.starts_with(b"MSH") && rest.get(3).is_some_and(|next| !next.is_ascii_alphanumeric() && *next > b' ')
    };
    (0..bytes.len())
        .filter(|at| bytes.get(*at) == Some(&b'M') && begins_line(*at))
        .filter(|at| bytes.get(*at..).is_some_and(is_header))
        .collect()
}

/// Takes framing, blanks and batch segments off both ends.
fn trim(mut piece: &[u8]) -> &[u8] {
    piece = piece.strip_prefix(BOM).unwrap_or(piece);
    loop {
        piece = trim_blank(piece);
        let head = piece.iter().position(|byte| is_line_end(*byte)).unwrap_or(piece.len());
        if is_batch_segment(piece.get(..head).unwrap_or_default()) {
            piece = piece.get(head..).unwrap_or_default();
            continue;
        }
        let tail = piece.iter().rposition(|byte| is_line_end(*byte)).map_or(0, |at| at + 1);
        if tail > 0 && is_batch_segment(piece.get(tail..).unwrap_or_default()) {
            piece = piece.get(..tail).unwrap_or_default();
            continue;
        }
        return piece;
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn is_batch_segment(line: &[u8]) -> bool {
    let line = trim_blank(line);
    [b"FHS", b"BHS", b"BTS", b"FTS"].iter().any(|name| line.starts_with(*name))
        && line.get(3).is_none_or(|next| !next.is_ascii_alphanumeric())
}

fn trim_blank(mut piece: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0x0B | 0x1C | 0x00);
    while let Some((_, rest)) = piece.split_first().filter(|(first, _)| is_blank(first)) {
        piece = rest;
    }
    while let Some((_, rest)) = piece.split_last().filter(|(last, _)| is_blank(last)) {
        piece = rest;
    }
    piece
}
