//! The text of a narrative without its tags. <https://hl7.org/fhir/R4/narrative.html>

/// What a person reads of XHTML: tags and comments become blanks, entities what they stand for. What is broken gives no more than its text.
pub(crate) fn text(xhtml: &str) -> String {
    let mut plain = String::with_capacity(xhtml.len() / 2);
    let mut rest = xhtml;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, marked) = rest.split_at(at);
        plain.push_str(before);
        rest = if marked.starts_with('<') {
            plain.push(' ');
            after_tag(marked)
        } else {
            after_entity(marked, &mut plain)
        };
    }
    plain.push_str(rest);
    plain
}

fn after_tag(marked: &str) -> &str {
    if let Some(comment) = marked.strip_prefix("<!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    if let Some(data) = marked.strip_prefix("<![CDATA[") {
        return data;
    }
    let mut quote = None;
    for (at, c) in marked.char_indices() {
        match (quote, c) {
            (None, '>') => return marked.get(at + 1..).unwrap_or_default(),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    ""
}

fn after_entity<'t>(marked: &'t str, plain: &mut String) -> &'t str {
    const NAME_LENGTH_MAX_BYTES: usize = 12;
    let end = marked.find(';').filter(|end| *end <= NAME_LENGTH_MAX_BYTES);
    let Some((name, rest)) = end.and_then(|end| Some((marked.get(1..end)?, marked.get(end + 1..)?))) else {
        plain.push(' ');
        return marked.get(1..).unwrap_or_default();
    };
    let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => number.parse().ok(),
    });
    plain.push(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => number.and_then(char::from_u32).unwrap_or(' '),
    });
    rest
}
