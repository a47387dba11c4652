//! Where in an XML text the elements of issues stand: the resource was read as JSON, whose places the sender has never seen.

use std::collections::HashMap;

use crate::Issue;

/// Sets line and column of each issue from its expression; an element that cannot be found has the place of the nearest around it.
pub fn set_xml_places(text: &str, issues: &mut [Issue]) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let wanted: Vec<Vec<String>> =
        issues.iter().map(|issue| steps(issue.expression.as_deref().unwrap_or_default())).collect();
    let mut places: HashMap<String, usize> = HashMap::new();
    for steps in &wanted {
        for length in 1..=steps.len() {
            places.insert(steps.get(..length).unwrap_or_default().join("."), usize::MAX);
        }
    }
    find(text, &mut places);
    let lines: Vec<usize> = text.match_indices('\n').map(|(offset, _)| offset + 1).collect();
    for (issue, steps) in issues.iter_mut().zip(wanted) {
        let found = (1..=steps.len()).rev().find_map(|length| {
            let offset = places.get(&steps.get(..length)?.join("."))?;
            (*offset != usize::MAX).then_some(*offset)
        });
        issue.line_column = found.map(|offset| line_column(text, &lines, offset));
    }
}

fn line_column(text: &str, lines: &[usize], offset: usize) -> (u32, u32) {
    let line = lines.partition_point(|start| *start <= offset);
    let start = line.checked_sub(1).and_then(|before| lines.get(before)).copied().unwrap_or_default();
    let column = text.get(start..offset).unwrap_or_default().chars().count();
    (u32::try_from(line + 1).unwrap_or(u32::MAX), u32::try_from(column + 1).unwrap_or(u32::MAX))
}

/// Takes an expression apart: `Patient.name[0].given` to `Patient`, `name[0]`, `given[0]`, a choice with its type in the name.
fn steps(expression: &str) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for part in expression.split('.') {
        let (name, index) = part.split_once('[').map_or((part, "0]"), |(name, index)| (name, index));
        if let Some(code) = name.strip_prefix("ofType(").and_then(|code| code.strip_suffix(')')) {
            if let Some(last) = steps.last_mut() {
                let stem = last.split('[').next().unwrap_or_default();
                let (first, rest) = code.split_at(code.char_indices().nth(1).map_or(code.len(), |(end, _)| end));
                *last = format!("{stem}{}{rest}[{index}", first.to_ascii_uppercase());
            }
        } else if steps.is_empty() {
            steps.push(name.to_owned());
        } else {
            steps.push(format!("{name}[{index}"));
        }
    }
    steps
}

/// An element that is open.
struct Open<'t> {
    name: &'t str,
    /// How long the key was before it.
    key_length: usize,
    /// How many children of each name it has had.
    counts: HashMap<&'t str, usize>,
}

/// Reads the tags of a text that is known to be well formed.
fn find(text: &str, places: &mut HashMap<String, usize>) {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut key = String::new();
    let mut position = 0;
    while let Some(start) = text.get(position..).and_then(|rest| rest.find('<')).map(|found| position + found) {
        let rest = text.get(start..).unwrap_or_default();
        let end = if rest.starts_with("<!--") { rest.find("-->").map(|end| end + 3) } else { tag_end(rest) };
        let Some(end) = end else { return };
        position = start + end;
        let tag = rest.get(1..end - 1).unwrap_or_default();
        if tag.starts_with(['!', '?']) {
            continue;
        }
        if tag.starts_with('/') {
            if let Some(closed) = open.pop() {
                key.truncate(closed.key_length);
            }
            continue;
        }
        let name = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
        let name = name.rsplit(':').next().unwrap_or(name);
        let key_length = key.len();
        match open.last_mut() {
            None => key.push_str(name),
            // A resource within a resource has an element of its own around it, which paths leave out.
            Some(parent)
                if matches!(parent.name, "resource" | "contained")
                    && name.starts_with(|c: char| c.is_ascii_uppercase()) => {}
            Some(parent) => {
                let count = parent.counts.entry(name).or_default();
                key.push_str(&format!(".{name}[{count}]"));
                *count += 1;
            }
        }
        if let Some(place) = places.get_mut(&key).filter(|place| **place == usize::MAX) {
            *place = start;
        }
        if tag.ends_with('/') {
            key.truncate(key_length);
        } else {
            open.push(Open { name, key_length, counts: HashMap::new() });
        }
    }
}

/// Finds the place after the `>` of a tag, past those within quotes.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (index, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(index + 1),
            (Some(own), _) if own == byte => quote = None,
            _ => {}
        }
    }
    None
}
