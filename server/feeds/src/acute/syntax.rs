//! The syntax of HL7 v2 (vertical bar encoding, all versions): segments, fields, repetitions, components.

use std::borrow::Cow;

use super::escape::unescape;
use crate::MapError;

/// The separators that MSH-1 and MSH-2 declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Separators {
    pub(super) field: char,
    pub(super) component: char,
    pub(super) repetition: char,
    pub(super) escape: Option<char>,
    pub(super) subcomponent: char,
}

/// A message cut into segments; all text is borrowed.
#[derive(Debug)]
pub(super) struct Hl7<'a> {
    pub(super) segments: Vec<Segment<'a>>,
    /// Lines that did not begin with a segment name and were read as part of the segment before them.
    pub(super) continued_lines: usize,
}

/// One segment.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    pub(super) name: &'a str,
    /// Field n at place n; the name at 0.
    fields: Vec<&'a str>,
    separators: Separators,
}

/// A field, repetition, component or subcomponent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    raw: &'a str,
    separators: Separators,
}

impl<'a> Hl7<'a> {
    /// Reads one message that begins with MSH.
    pub(super) fn parse(text: &'a str) -> Result<Self, MapError> {
        let separators = Separators::read(text)?;
        let (lines, continued_lines) = lines(text, separators.field);
        let segments: Vec<_> = lines.into_iter().map(|line| Segment::parse(line, separators)).collect();
        if segments.iter().skip(1).any(|segment| segment.name == "MSH") {
            return Err(MapError::malformed("MSH", "a second message header inside one message"));
        }
        Ok(Self { segments, continued_lines })
    }

    /// The first segment of this name.
    pub(super) fn segment(&self, name: &str) -> Option<&Segment<'a>> {
        self.segments.iter().find(|segment| segment.name == name)
    }
}

impl Separators {
    /// Reads MSH-1 and MSH-2.
    fn read(text: &str) -> Result<Self, MapError> {
        let rest = text.strip_prefix("MSH").ok_or_else(|| MapError::malformed("MSH", "no message header"))?;
        let mut characters = rest.chars();
        let field = characters
            .next()
            .filter(|field| !field.is_alphanumeric() && !field.is_whitespace() && *field != '"')
            .ok_or_else(|| MapError::malformed("MSH-1", "no field separator"))?;
        let encoding: Vec<char> =
            characters.take_while(|character| *character != field && !character.is_control()).collect();
        let at = |place: usize, default: char| encoding.get(place).copied().unwrap_or(default);
        let mut seen = vec![field];
        for character in &encoding {
            if character.is_alphanumeric() || character.is_whitespace() || seen.contains(character) {
                return Err(MapError::malformed("MSH-2", "not a set of encoding characters"));
            }
            seen.push(*character);
        }
        if encoding.is_empty() {
            return Err(MapError::malformed("MSH-2", "no encoding characters"));
        }
        Ok(Self {
            field,
            component: at(0, '^'),
            repetition: at(1, '~'),
            escape: encoding.get(2).copied(),
            subcomponent: at(3, '&'),
        })
    }
}

/// Cuts text into segments at CR, LF or both.
///
/// A line that does not begin with a segment name belongs to the one before it: senders put raw line ends into text.
fn lines(text: &str, field: char) -> (Vec<&str>, usize) {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let mut continued = 0;
    let mut start = 0;
    for line in text.split(['\r', '\n']) {
        let end = start + line.len();
        if starts_segment(line, field) {
            spans.push((start, end));
        } else if !line.trim_matches(['\u{b}', '\u{1c}', ' ']).is_empty()
            && let Some(last) = spans.last_mut()
        {
            last.1 = end;
            continued += 1;
        }
        start = end + 1;
    }
    (spans.into_iter().filter_map(|(start, end)| text.get(start..end)).collect(), continued)
}

fn starts_segment(line: &str, field: char) -> bool {
    let mut characters = line.chars();
    let is_name = characters.next().is_some_and(|first| first.is_ascii_uppercase())
        && characters.by_ref().take(2).filter(|next| next.is_ascii_uppercase() || next.is_ascii_digit()).count() == 2;
    is_name && characters.next().is_none_or(|next| next == field)
}

impl<'a> Segment<'a> {
    fn parse(line: &'a str, separators: Separators) -> Self {
        let mut fields: Vec<&'a str> = line.split(separators.field).collect();
        let name = fields.first().copied().unwrap_or_default();
        if name == "MSH" {
            // MSH-1 is the separator itself, so that MSH-2 stands at place 2 as everywhere else.
            fields.insert(1, line.get(3..3 + separators.field.len_utf8()).unwrap_or_default());
        }
        Self { name, fields, separators }
    }

    /// Field n, empty when the segment is shorter.
    pub(super) fn field(&self, n: usize) -> Part<'a> {
        Part { raw: self.fields.get(n).copied().unwrap_or_default().trim_end(), separators: self.separators }
    }

    /// The text of the first component of the first repetition of field n.
    pub(super) fn text(&self, n: usize) -> Cow<'a, str> {
        self.field(n).first().at(1)
    }
}

impl<'a> Part<'a> {
    fn of(self, raw: &'a str) -> Self {
        Part { raw, separators: self.separators }
    }

    /// `""`: the sender asks to delete what the receiver holds.
    pub(super) fn is_null(self) -> bool {
        self.raw.trim() == "\"\""
    }

    /// The repetitions that hold something.
    pub(super) fn repetitions(self) -> impl Iterator<Item = Part<'a>> {
        self.raw.split(self.separators.repetition).map(move |raw| self.of(raw)).filter(|part| part.has_value())
    }

    /// The first repetition, empty or not.
    pub(super) fn first(self) -> Part<'a> {
        self.of(self.raw.split(self.separators.repetition).next().unwrap_or_default())
    }

    /// Component n of a repetition.
    pub(super) fn component(self, n: usize) -> Part<'a> {
        self.of(nth(self.raw, self.separators.component, n))
    }

    /// Subcomponent n of a component.
    pub(super) fn subcomponent(self, n: usize) -> Part<'a> {
        self.of(nth(self.raw, self.separators.subcomponent, n))
    }

    /// The subcomponents of a component.
    pub(super) fn subcomponents(self) -> impl Iterator<Item = Part<'a>> {
        self.raw.split(self.separators.subcomponent).map(move |raw| self.of(raw))
    }

    /// The text of the first subcomponent of component n: what a simple value is.
    pub(super) fn at(self, n: usize) -> Cow<'a, str> {
        self.component(n).subcomponent(1).text()
    }

    /// The whole of this part as text, escapes resolved, without blanks around it; empty for `""`.
    pub(super) fn text(self) -> Cow<'a, str> {
        let raw = self.raw.trim();
        if raw == "\"\"" {
            return Cow::Borrowed("");
        }
        unescape(raw, &self.separators)
    }

    /// The components that hold something, as text with blanks between.
    pub(super) fn flat(self) -> String {
        let separators = [self.separators.component, self.separators.subcomponent];
        let texts = self.raw.split(separators).map(|raw| self.of(raw).text());
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn has_value(self) -> bool {
        !self.is_null()
            && self.raw.chars().any(|character| {
                !character.is_whitespace()
                    && character != self.separators.component
                    && character != self.separators.subcomponent
            })
    }
}

/// Piece n, from 1, of a text.
fn nth(text: &str, separator: char, n: usize) -> &str {
    text.split(separator).nth(n.saturating_sub(1)).unwrap_or_default()
}
