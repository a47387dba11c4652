//! One look at the tags of an XML text before it is read: that they match, how deep they go, and what to take away.

use crate::json::Limits;

/// What fhirbolt can read, as long as the original so that offsets hold (but for a namespace prefix).
pub(crate) struct Scanned {
    pub(crate) clean: String,
    pub(crate) root_offset: usize,
}

/// Where the tags do not fit and what was due there.
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) reason: String,
}

const FHIR_NAMESPACE: &str = "http://hl7.org/fhir";

pub(crate) fn scan(text: &str) -> Result<Scanned, Fault> {
    let mut scanner = Scanner { text, position: 0, open: Vec::new(), instructions: Vec::new(), root: None };
    scanner.run()?;
    let Some((root_offset, root)) = scanner.root else { return Err(fault(0, "expected an XML element")) };
    let mut clean = text.to_owned();
    for (start, end) in scanner.instructions {
        clean.replace_range(start..end, &" ".repeat(end - start));
    }
    if let Some(prefix) = fhir_prefix(root) {
        // In well-formed XML `<` begins a tag everywhere but in comments and CDATA, neither of which is kept.
        clean = clean
            .replace(&format!("<{prefix}:"), "<")
            .replace(&format!("</{prefix}:"), "</")
            .replace(&format!("xmlns:{prefix}="), "xmlns=");
    }
    Ok(Scanned { clean, root_offset })
}

struct Scanner<'t> {
    text: &'t str,
    position: usize,
    open: Vec<&'t str>,
    instructions: Vec<(usize, usize)>,
    root: Option<(usize, &'t str)>,
}

impl<'t> Scanner<'t> {
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
                self.instructions.push((start, self.position));
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
        }
        self.position = end;
        if !tag.ends_with("/>") {
            self.open.push(name);
        }
        let depth_max = Limits::default().depth_max;
        if self.open.len() > depth_max {
            return Err(fault(start, format!("expected at most {depth_max} levels of nesting")));
        }
        Ok(())
    }

    /// Marks what the root says of other namespaces, which FHIR has no use for: `xmlns:xsi`, `xsi:schemaLocation`.
    fn foreign_attributes(&mut self, start: usize, tag: &str) {
        let own = fhir_prefix(tag).map(|prefix| format!("xmlns:{prefix}"));
        let mut position = tag.find(char::is_whitespace).unwrap_or(tag.len());
        while let Some((name, end)) = attribute(tag, position) {
            let is_foreign = name.starts_with("xmlns:") || name.starts_with("xsi:");
            if is_foreign && Some(name) != own.as_deref() {
                self.instructions.push((start + position, start + end));
            }
            position = end;
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

/// Gives the name of the attribute after an offset into a tag, and where it ends.
fn attribute(tag: &str, position: usize) -> Option<(&str, usize)> {
    let rest = tag.get(position..)?;
    let (name, value) = rest.split_once('=')?;
    let value_start = tag.len() - value.trim_start().len();
    let quote = value.trim_start().chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let length = tag.get(value_start + 1..)?.find(quote)?;
    Some((name.trim(), value_start + length + 2))
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
