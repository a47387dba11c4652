//! The xhtml of narratives (`txt-1`, `txt-2`): <https://hl7.org/fhir/R4/narrative.html#xhtml>.

use std::collections::HashSet;

use fhir::Severity;
use fhirpath::{NARRATIVE_ATTRIBUTES, NARRATIVE_ELEMENTS};

use crate::walk::{Place, Walk};

/// The places of entities that a numeric or named reference may name without a document type.
const ENTITIES: [&str; 5] = ["amp", "lt", "gt", "quot", "apos"];

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds the text of a narrative against the xhtml that is allowed.
    pub(crate) fn narrative(&mut self, place: Place<'_, 'a>, text: &str) {
        if let Err(fault) = check(text) {
            self.error(place, "invalid", || {
                format!("the narrative is not the xhtml that is allowed: {fault} (`txt-1`)")
            });
        }
        self.links(place, text);
    }

    /// Says so when a link within the page leads nowhere; who stores it loses nothing by that, so it is an error only where asked for.
    fn links(&mut self, place: Place<'_, 'a>, text: &str) {
        let severity = if self.options.exacting { Severity::Error } else { Severity::Warning };
        let mut anchors = None;
        for part in text.split("href=").skip(1) {
            let Some(target) = part.get(1..).and_then(|rest| rest.strip_prefix('#')) else { continue };
            let target = target.split(['"', '\'']).next().unwrap_or_default();
            let anchors = anchors.get_or_insert_with(|| self.anchors());
            if !target.is_empty() && anchors.insert(target) {
                self.report(severity, place, "not-found", || {
                    format!("a link of the narrative leads to `#{}`, which is not there", crate::walk::shown(target))
                });
            }
        }
    }

    /// Gathers the ids and names that a link may lead to: those in any narrative of the resource, and of what it contains.
    fn anchors(&self) -> HashSet<&'a str> {
        let text: &'a str = self.resource.raw();
        let mut anchors = HashSet::new();
        for (place, _) in text.match_indices('=') {
            let (before, after) = text.split_at(place);
            let after = after.get(1..).unwrap_or_default().trim_start_matches('\\');
            let is_anchor = before.ends_with("id") || before.ends_with("name");
            if let Some(name) = after.strip_prefix(['"', '\'']).filter(|_| is_anchor) {
                anchors.insert(name.split(['"', '\'', '\\']).next().unwrap_or_default());
            }
        }
        for contained in self.container.get("contained").into_iter().flat_map(|list| list.items()) {
            if let Some(std::borrow::Cow::Borrowed(id)) = contained.str("id") {
                anchors.insert(id);
            }
        }
        anchors
    }
}

/// Reads the text once; an error says what is wrong without showing content.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text.trim();
    let mut has_content = false;
    let mut is_first = true;
    if !rest.starts_with("<div") {
        return Err("it does not start with `<div`".to_owned());
    }
    while !rest.is_empty() {
        if open.is_empty() && !is_first {
            return Err("there is text after the closing `</div>`".to_owned());
        }
        let Some(tag) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            let (words, after) = rest.split_at(end);
            entities(words)?;
            has_content |= !words.trim().is_empty();
            rest = after;
            continue;
        };
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").ok_or("a comment is not closed")?.1;
            continue;
        }
        let end = tag_end(tag).ok_or("a tag is not closed")?;
        let (inside, after) = tag.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        if let Some(name) = inside.strip_prefix('/') {
            if open.pop() != Some(name.trim()) {
                return Err("a closing tag does not match the open one".to_owned());
            }
            continue;
        }
        let (inside, is_empty) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let (name, attributes) = inside.split_at(inside.find(char::is_whitespace).unwrap_or(inside.len()));
        if !NARRATIVE_ELEMENTS.contains(&name) {
            return Err(format!("`<{}>` is not allowed", crate::walk::shown(name)));
        }
        check_attributes(attributes, is_first)?;
        has_content |= name == "img";
        is_first = false;
        if !is_empty {
            open.push(name);
        }
    }
    match (open.is_empty(), has_content) {
        (false, _) => Err("an element is not closed".to_owned()),
        (true, false) => Err("it has no content (`txt-2`)".to_owned()),
        (true, true) => Ok(()),
    }
}

/// Finds the `>` that ends a tag, past those within quotes.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (index, letter) in tag.char_indices() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (None, '>') => return Some(index),
            (Some(own), _) if own == letter => quote = None,
            _ => {}
        }
    }
    None
}

fn check_attributes(text: &str, is_root: bool) -> Result<(), String> {
    let mut rest = text.trim();
    let mut has_namespace = false;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or("an attribute has no value")?;
        let name = name.trim();
        let after = after.trim_start();
        let quote =
            after.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or("an attribute is not quoted")?;
        let (value, after) =
            after.get(1..).and_then(|after| after.split_once(quote)).ok_or("an attribute is not closed")?;
        rest = after.trim_start();
        if name == "xmlns" || name.starts_with("xmlns:") {
            has_namespace |= name == "xmlns";
            if name == "xmlns" && value != "http://www.w3.org/1999/xhtml" {
                return Err("the namespace is not that of xhtml".to_owned());
            }
        } else if !NARRATIVE_ATTRIBUTES.contains(&name) {
            return Err(format!("attribute `{}` is not allowed", crate::walk::shown(name)));
        } else if matches!(name, "href" | "src") && value.trim_start().to_ascii_lowercase().starts_with("javascript:") {
            return Err("a link must not run a script".to_owned());
        }
    }
    if is_root && !has_namespace {
        return Err("the `<div>` does not name the namespace of xhtml".to_owned());
    }
    Ok(())
}

fn entities(words: &str) -> Result<(), String> {
    for part in words.split('&').skip(1) {
        let (name, _) = part.split_once(';').ok_or("an `&` stands by itself")?;
        let is_number = name.strip_prefix('#').is_some_and(|number| {
            let number = number.strip_prefix(['x', 'X']).unwrap_or(number);
            !number.is_empty() && number.chars().all(|digit| digit.is_ascii_hexdigit())
        });
        let is_name = name.chars().all(|letter| letter.is_ascii_alphanumeric()) && !name.is_empty();
        if !is_number && !is_name && !ENTITIES.contains(&name) {
            return Err("an entity is not known".to_owned());
        }
    }
    Ok(())
}
