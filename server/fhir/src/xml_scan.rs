//! One look at the tags of an XML text before it is read: that they match, how deep they go, and what to take away.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::Limits;
use crate::xml_kept::{Kept, has_exponent};

/// What fhirbolt can read, and what it need not see.
pub(crate) struct Scanned {
    pub(crate) clean: String,
    pub(crate) kept: Kept,
    pub(crate) root_offset: usize,
}

/// Where the tags do not fit and what was due there.
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) reason: String,
}

const FHIR_NAMESPACE: &str = "http://hl7.org/fhir";
/// What the `div` of a narrative is in.
pub(crate) const XHTML_NAMESPACE: &str = "http://www.w3.org/1999/xhtml";

pub(crate) fn scan(text: &str) -> Result<Scanned, Fault> {
    let mut scanner = Scanner::new(text);
    scanner.run()?;
    let Some((root_offset, root)) = scanner.root else { return Err(fault(0, "expected an XML element")) };
    let (mut clean, mut kept, mut position) = (String::with_capacity(text.len()), Kept::of(text), 0);
    for (start, end, what) in scanner.parts {
        clean.push_str(text.get(position..start).unwrap_or_default());
        let part = text.get(start..end).unwrap_or_default();
        match what {
            Part::Foreign => clean.push(' '),
            Part::Number => clean.push_str(&kept.number(part)),
            Part::Narrative => clean.push_str(&kept.narrative(part)),
        }
        position = end;
    }
    clean.push_str(text.get(position..).unwrap_or_default());
    if let Some(prefix) = fhir_prefix(root) {
        // In well-formed XML `<` begins a tag everywhere but in comments and CDATA, neither of which is kept.
        clean = clean
            .replace(&format!("<{prefix}:"), "<")
            .replace(&format!("</{prefix}:"), "</")
            .replace(&format!("xmlns:{prefix}="), "xmlns=");
    }
    Ok(Scanned { clean, kept, root_offset })
}

/// Holds that a narrative is one well-formed `div`, and gives it as it can stand in XML: with its namespace, and without the one entity
/// of HTML that is common.
pub(crate) fn check_narrative(text: &str) -> Result<Cow<'_, str>, Fault> {
    let text = text.trim();
    let mut scanner = Scanner::new(text);
    scanner.run()?;
    let root = scanner.root.filter(|(offset, tag)| *offset == 0 && is_div(tag));
    let Some((_, root)) = root else { return Err(fault(0, "expected a `div`")) };
    if text.contains("<?") {
        return Err(fault(0, "expected no processing instruction"));
    }
    let has_namespace = attributes(root).any(|one| one.name == "xmlns");
    let mut text = Cow::Borrowed(text);
    if !has_namespace {
        text = Cow::Owned(text.replacen("<div", &format!("<div xmlns=\"{XHTML_NAMESPACE}\""), 1));
    }
    if text.contains("&nbsp;") {
        text = Cow::Owned(text.replace("&nbsp;", "&#160;"));
    }
    Ok(text)
}

fn is_div(tag: &str) -> bool {
    tag.strip_prefix("<div")
        .is_some_and(|rest| rest.starts_with(|next: char| next.is_whitespace() || "/>".contains(next)))
}

/// A part that fhirbolt does not get as it is.
enum Part {
    /// A processing instruction, or an attribute that FHIR has no use for.
    Foreign,
    /// A number with an exponent, the value of an attribute.
    Number,
    /// The `div` of a narrative.
    Narrative,
}

struct Scanner<'t> {
    text: &'t str,
    position: usize,
    open: Vec<&'t str>,
    /// Where each part starts and ends, in order.
    parts: Vec<(usize, usize, Part)>,
    /// Where the narrative starts that the scanner is in, and how many elements are open around it.
    narrative: Option<(usize, usize)>,
    root: Option<(usize, &'t str)>,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, position: 0, open: Vec::new(), parts: Vec::new(), narrative: None, root: None }
    }

    fn run(&mut self) -> Result<(), Fault> {
        while let Some(found) = self.rest().find('<') {
            if self.open.is_empty() && !self.rest().get(..found).unwrap_or_default().trim().is_empty() {
                return Err(fault(self.position, "expected an XML element"));
            }
            self.position += found;
            let rest = self.rest();
            if rest.starts_with("<!--") {
                self.skip_past("-->", "expected the end of the comment")?;
            } else if rest.starts_with("<?") {
                let start = self.position;
                self.skip_past("?>", "expected the end of the processing instruction")?;
                if self.narrative.is_some() {
                    return Err(fault(start, "expected no processing instruction in a narrative"));
                }
                self.parts.push((start, self.position, Part::Foreign));
            } else if rest.starts_with("<!") {
                return Err(fault(self.position, "expected neither a document type nor CDATA"));
            } else if rest.starts_with("</") {
                self.close()?;
            } else {
                self.open()?;
            }
        }
        match self.open.pop() {
            Some(name) => Err(fault(self.text.len(), format!("expected `</{name}>`"))),
            None if self.rest().trim().is_empty() => Ok(()),
            None if self.root.is_none() => Err(fault(self.position, "expected an XML element")),
            None => Err(fault(self.position, "expected the end of the document")),
        }
    }

    fn open(&mut self) -> Result<(), Fault> {
        let start = self.position;
        let name = self.name(start + 1)?;
        let end = self.tag_end(start)?;
        let tag = self.text.get(start..end).unwrap_or_default();
        if self.open.is_empty() {
            if self.root.is_some() {
                return Err(fault(start, "expected the end of the document"));
            }
            self.root = Some((start, tag));
            self.foreign_attributes(start, tag);
        } else if self.narrative.is_none() {
            self.exponent(start, tag);
            // One in another namespace is left to be refused.
            let is_narrative = self.open.last().is_some_and(|parent| parent.rsplit(':').next() == Some("text"))
                && is_div(tag)
                && attributes(tag).any(|one| one.name == "xmlns" && one.value == XHTML_NAMESPACE);
            if is_narrative {
                self.narrative = Some((start, self.open.len()));
            }
        }
        self.position = end;
        if tag.ends_with("/>") {
            self.end_narrative();
        } else {
            self.open.push(name);
        }
        let depth_max = Limits::default().depth_max;
        if self.open.len() > depth_max {
            return Err(fault(start, format!("expected at most {depth_max} levels of nesting")));
        }
        Ok(())
    }

    /// Keeps the narrative, if the element that ended is its `div`.
    fn end_narrative(&mut self) {
        if let Some((start, _)) = self.narrative.take_if(|(_, depth)| *depth == self.open.len()) {
            self.parts.push((start, self.position, Part::Narrative));
        }
    }

    /// Marks what the root says of other namespaces, which FHIR has no use for: `xmlns:xsi`, `xsi:schemaLocation`.
    fn foreign_attributes(&mut self, start: usize, tag: &str) {
        let own = fhir_prefix(tag).map(|prefix| format!("xmlns:{prefix}"));
        for Attribute { name, place, .. } in attributes(tag) {
            let is_foreign = name.starts_with("xmlns:") || name.starts_with("xsi:");
            if is_foreign && Some(name) != own.as_deref() {
                self.parts.push((start + place.start, start + place.end, Part::Foreign));
            }
        }
    }

    /// Marks the value of an element that is a number with an exponent.
    fn exponent(&mut self, start: usize, tag: &str) {
        let value = attributes(tag).find(|one| one.name == "value" && has_exponent(one.value));
        if let Some(Attribute { value, place, .. }) = value {
            let end = start + place.end - 1;
            self.parts.push((end - value.len(), end, Part::Number));
        }
    }

    fn close(&mut self) -> Result<(), Fault> {
        let start = self.position;
        let name = self.name(start + 2)?;
        match self.open.pop() {
            Some(open) if open == name => {}
            Some(open) => return Err(fault(start, format!("expected `</{open}>`"))),
            None => return Err(fault(start, "expected the end of the document")),
        }
        self.position = self.tag_end(start)?;
        self.end_narrative();
        Ok(())
    }

    fn name(&self, start: usize) -> Result<&'t str, Fault> {
        let rest = self.text.get(start..).unwrap_or_default();
        let is_name = |character: char| character.is_alphanumeric() || matches!(character, ':' | '_' | '-' | '.');
        let length = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
        rest.get(..length)
            .filter(|name| !name.is_empty())
            .ok_or_else(|| fault(start, "expected the name of an element"))
    }

    /// Finds the `>` that ends a tag, past those in attribute values.
    fn tag_end(&self, start: usize) -> Result<usize, Fault> {
        let mut quote = None;
        for (offset, byte) in self.text.as_bytes().iter().enumerate().skip(start + 1) {
            match (quote, byte) {
                (None, b'"' | b'\'') => quote = Some(*byte),
                (None, b'>') => return Ok(offset + 1),
                (None | Some(_), b'<') => return Err(fault(offset, "expected the end of the tag")),
                (Some(open), byte) if open == *byte => quote = None,
                _ => {}
            }
        }
        Err(fault(self.text.len(), "expected the end of the tag"))
    }

    fn skip_past(&mut self, end: &str, expected: &str) -> Result<(), Fault> {
        let found = self.rest().find(end).ok_or_else(|| fault(self.position, expected))?;
        self.position += found + end.len();
        Ok(())
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or_default()
    }
}

/// An attribute of a tag.
struct Attribute<'t> {
    name: &'t str,
    /// As it is written.
    value: &'t str,
    /// Where it is in the tag, with the white space before it and its quotation marks.
    place: Range<usize>,
}

/// Iterates over the attributes of a tag.
fn attributes(tag: &str) -> impl Iterator<Item = Attribute<'_>> {
    let mut position = tag.find(char::is_whitespace).unwrap_or(tag.len());
    std::iter::from_fn(move || {
        let (name, value) = tag.get(position..)?.split_once('=')?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, rest) = value.get(1..)?.split_once(quote)?;
        let place = position..tag.len() - rest.len();
        position = place.end;
        Some(Attribute { name: name.trim(), value, place })
    })
}

/// Gives the prefix of the root element when it is bound to FHIR's namespace.
fn fhir_prefix(root: &str) -> Option<&str> {
    let name = root.strip_prefix('<')?.split(|character: char| character.is_whitespace() || character == '>').next()?;
    let (prefix, _) = name.split_once(':')?;
    let is_bound = |quote: char| root.contains(&format!("xmlns:{prefix}={quote}{FHIR_NAMESPACE}{quote}"));
    (is_bound('"') || is_bound('\'')).then_some(prefix)
}

fn fault(offset: usize, reason: impl Into<String>) -> Fault {
    Fault { offset, reason: reason.into() }
}
