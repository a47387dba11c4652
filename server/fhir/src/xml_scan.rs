//! XML text as a tree of its tags, borrowed from the text: <https://www.w3.org/TR/xml/>, without document types and CDATA.

use std::borrow::Cow;

use crate::json::Limits;
pub(crate) use crate::json_parser::Fault;

/// A text with one root, well-formed.
pub(crate) struct Document<'t> {
    pub(crate) root: Tag<'t>,
    /// Where processing instructions are.
    pub(crate) instructions: Vec<usize>,
}

/// An element.
pub(crate) struct Tag<'t> {
    /// As it is written, with a prefix.
    pub(crate) name: &'t str,
    pub(crate) attributes: Vec<Attribute<'t>>,
    pub(crate) children: Vec<Tag<'t>>,
    /// Where its first tag begins.
    pub(crate) start: usize,
    /// Where its last tag begins; the first, when there is but one.
    pub(crate) close: usize,
    /// Where its last tag ends.
    pub(crate) end: usize,
    /// Where it has text of its own, other than white space.
    pub(crate) text: Option<usize>,
}

impl<'t> Tag<'t> {
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute<'t>> {
        self.attributes.iter().find(|one| one.name == name)
    }
}

/// An attribute of a tag.
pub(crate) struct Attribute<'t> {
    /// As it is written, with a prefix.
    pub(crate) name: &'t str,
    /// As it is written, with escapes.
    pub(crate) value: &'t str,
    /// Where its name begins.
    pub(crate) start: usize,
    /// Where its value begins.
    pub(crate) value_start: usize,
}

/// The most attributes of a tag, those of HTML and all prefixes: each is compared with the others.
const ATTRIBUTE_COUNT_MAX: usize = 64;

pub(crate) fn scan(text: &str) -> Result<Document<'_>, Fault> {
    let mut scanner = Scanner { text, position: 0, open: Vec::new(), root: None, instructions: Vec::new() };
    scanner.run()?;
    match (scanner.open.pop(), scanner.root) {
        (Some(open), _) => Err(Fault::new(text.len(), format!("expected `</{}>`", open.name))),
        (None, Some(root)) => Ok(Document { root, instructions: scanner.instructions }),
        (None, None) => Err(Fault::new(scanner.position, "expected an XML element")),
    }
}

struct Scanner<'t> {
    text: &'t str,
    position: usize,
    open: Vec<Tag<'t>>,
    root: Option<Tag<'t>>,
    instructions: Vec<usize>,
}

impl<'t> Scanner<'t> {
    fn run(&mut self) -> Result<(), Fault> {
        while let Some(found) = self.rest().find('<') {
            self.text(found)?;
            let (start, rest) = (self.position, self.rest());
            if rest.starts_with("<!--") {
                self.skip_past("-->", "expected the end of the comment")?;
            } else if rest.starts_with("<?") {
                self.skip_past("?>", "expected the end of the processing instruction")?;
                self.instructions.push(start);
            } else if rest.starts_with("<!") {
                return Err(Fault::new(start, "expected neither a document type nor CDATA"));
            } else if rest.starts_with("</") {
                self.close()?;
            } else {
                self.open()?;
            }
        }
        self.text(self.rest().len())
    }

    /// Takes the text up to the next tag.
    fn text(&mut self, length: usize) -> Result<(), Fault> {
        let text = self.rest().get(..length).unwrap_or_default();
        let blank = text.len() - text.trim_start_matches(is_blank).len();
        let start = self.position + blank;
        self.position += length;
        if blank == length {
            return Ok(());
        }
        match self.open.last_mut() {
            Some(open) => {
                open.text.get_or_insert(start);
                check_references(text, start - blank)
            }
            None if self.root.is_some() => Err(Fault::new(start, "expected the end of the document")),
            None => Err(Fault::new(start, "expected an XML element")),
        }
    }

    fn open(&mut self) -> Result<(), Fault> {
        let start = self.position;
        if self.open.is_empty() && self.root.is_some() {
            return Err(Fault::new(start, "expected the end of the document"));
        }
        self.position += 1;
        let name = self.name("expected the name of an element")?;
        let mut attributes: Vec<Attribute<'t>> = Vec::new();
        let is_whole = loop {
            let is_apart = self.skip_blank();
            if self.takes("/>") {
                break true;
            }
            if self.takes(">") {
                break false;
            }
            if !is_apart {
                return Err(Fault::new(self.position, "expected the end of the tag"));
            }
            let attribute = self.attribute()?;
            if attributes.iter().any(|one| one.name == attribute.name) {
                return Err(Fault::new(attribute.start, format!("`{}` may be there once only", attribute.name)));
            }
            if attributes.len() == ATTRIBUTE_COUNT_MAX {
                return Err(Fault::new(attribute.start, format!("expected at most {ATTRIBUTE_COUNT_MAX} attributes")));
            }
            attributes.push(attribute);
        };
        let (close, end) = (start, self.position);
        self.open.push(Tag { name, attributes, children: Vec::new(), start, close, end, text: None });
        let depth_max = Limits::default().depth_max;
        if self.open.len() > depth_max {
            return Err(Fault::too_deep(start, depth_max));
        }
        if is_whole {
            self.end();
        }
        Ok(())
    }

    fn attribute(&mut self) -> Result<Attribute<'t>, Fault> {
        let start = self.position;
        let name = self.name("expected the end of the tag")?;
        self.skip_blank();
        let is_given = self.takes("=");
        self.skip_blank();
        let quote = self.rest().chars().next().filter(|quote| is_given && matches!(quote, '"' | '\''));
        let Some(quote) = quote else {
            return Err(Fault::new(self.position, format!("expected the value of `{name}` in quotation marks")));
        };
        self.position += 1;
        let value = self.rest().split_once(quote).map(|(value, _)| value).filter(|value| !value.contains('<'));
        let Some(value) = value else {
            return Err(Fault::new(start, format!("expected a quotation mark that ends the value of `{name}`")));
        };
        let value_start = self.position;
        check_references(value, value_start)?;
        self.position += value.len() + 1;
        Ok(Attribute { name, value, start, value_start })
    }

    fn close(&mut self) -> Result<(), Fault> {
        let start = self.position;
        self.position += 2;
        let name = self.name("expected the name of an element")?;
        match self.open.last_mut() {
            Some(open) if open.name == name => open.close = start,
            Some(open) => return Err(Fault::new(start, format!("expected `</{}>`", open.name))),
            None => return Err(Fault::new(start, "expected the end of the document")),
        }
        self.skip_blank();
        if !self.takes(">") {
            return Err(Fault::new(self.position, "expected the end of the tag"));
        }
        self.end();
        Ok(())
    }

    /// The element that was opened last ends here.
    fn end(&mut self) {
        let Some(mut tag) = self.open.pop() else { return };
        tag.end = self.position;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(tag),
            None => self.root = Some(tag),
        }
    }

    fn name(&mut self, expected: &str) -> Result<&'t str, Fault> {
        let rest = self.rest();
        let is_name = |character: char| character.is_alphanumeric() || matches!(character, ':' | '_' | '-' | '.');
        let length = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
        let name = rest.get(..length).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Fault::new(self.position, expected))?;
        self.position += length;
        Ok(name)
    }

    /// Whether there was any white space.
    fn skip_blank(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(is_blank).len();
        self.position += length;
        length > 0
    }

    fn takes(&mut self, expected: &str) -> bool {
        let is_there = self.rest().starts_with(expected);
        self.position += if is_there { expected.len() } else { 0 };
        is_there
    }

    fn skip_past(&mut self, end: &str, expected: &str) -> Result<(), Fault> {
        let found = self.rest().find(end).ok_or_else(|| Fault::new(self.position, expected))?;
        self.position += found + end.len();
        Ok(())
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or_default()
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// Holds that every `&` begins a reference to a character that XML knows by itself: there is no document type to define others, as HTML's.
fn check_references(text: &str, offset: usize) -> Result<(), Fault> {
    for (place, _) in text.match_indices('&') {
        if reference(text.get(place..).unwrap_or_default()).is_none() {
            let reason = "expected one of the references that XML knows without a document type: `&amp;`, `&lt;`, `&gt;`, `&quot;`, \
                          `&apos;` or a number, as `&#160;` for a space that does not break";
            return Err(Fault::new(offset + place, reason));
        }
    }
    Ok(())
}

/// The character that a text begins with a reference to, and the length of that.
fn reference(text: &str) -> Option<(char, usize)> {
    let (name, _) = text.strip_prefix('&')?.split_once(';')?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let (digits, radix) = digits.strip_prefix('x').map_or((digits, 10), |digits| (digits, 16));
            let number = digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits)?;
            let character = char::from_u32(u32::from_str_radix(number, radix).ok()?)?;
            let is_text = matches!(character, '\t' | '\r' | '\n' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
            is_text.then_some(character)?
        }
    };
    Some((character, name.len() + 2))
}

/// A value with characters in the place of references.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    let mut parts = text.split('&');
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    out.push_str(first);
    let mut position = first.len();
    for part in parts {
        let reference = reference(text.get(position..).unwrap_or_default());
        position += part.len() + 1;
        // The scan holds that each is one.
        let Some((character, length)) = reference else { continue };
        out.push(character);
        out.push_str(part.get(length - 1..).unwrap_or_default());
    }
    Cow::Owned(out)
}
