//! One pass over the bytes of a JSON text that writes the records of [`crate::Json`]; no allocation per value, no recursion.
//!
//! The grammar is RFC 8259; FHIR adds that no property may come twice (<https://hl7.org/fhir/R4/json.html>).

use std::collections::HashSet;

use crate::json::Kind;

/// One value or property name: where it is in the text and which record follows its whole subtree.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) next: u32,
    pub(crate) kind: Kind,
    pub(crate) is_escaped: bool,
}

impl Record {
    /// Stands in for an index that no record has, and ends every walk.
    pub(crate) const NOTHING: Self = Self { start: 0, end: 0, next: u32::MAX, kind: Kind::Null, is_escaped: false };
}

/// Where a text broke the grammar of JSON or XML and what was due there.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) reason: String,
    pub(crate) is_too_deep: bool,
}

impl Fault {
    pub(crate) fn new(offset: usize, reason: impl Into<String>) -> Fault {
        Fault { offset, reason: reason.into(), is_too_deep: false }
    }

    pub(crate) fn too_deep(offset: usize, depth_max: usize) -> Fault {
        Fault { is_too_deep: true, ..Fault::new(offset, format!("expected at most {depth_max} levels of nesting")) }
    }
}

/// Up to this many properties the names are told apart by a number of each, beyond it through a hash set.
const PRINTS_MAX: usize = 16;

pub(crate) fn parse(text: &str, depth_max: usize) -> Result<Vec<Record>, Fault> {
    if u32::try_from(text.len()).is_err() {
        return Err(Fault::new(0, "expected less than 4 GiB of text"));
    }
    // Clinical resources without white space have a value or a name about every 10 bytes; growing would copy them all.
    let records = Vec::with_capacity(text.len() / 9 + 8);
    let mut parser = Parser { text, bytes: text.as_bytes(), position: 0, records, open: Vec::new(), depth_max };
    parser.document()?;
    Ok(parser.records)
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    position: usize,
    records: Vec<Record>,
    open: Vec<u32>,
    depth_max: usize,
}

/// What the document needs next.
enum Next {
    Value,
    AfterValue,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<(), Fault> {
        let mut next = Next::Value;
        loop {
            self.skip_space();
            match next {
                Next::Value => next = self.value()?,
                Next::AfterValue => match self.open.last().copied() {
                    Some(container) => next = self.continue_container(container)?,
                    None if self.position == self.bytes.len() => return Ok(()),
                    None => return Err(self.fault("expected the end of the document")),
                },
            }
        }
    }

    fn value(&mut self) -> Result<Next, Fault> {
        match self.peek() {
            Some(b'"') => self.string("expected a value")?,
            Some(b'{') => return self.open_container(Kind::Object),
            Some(b'[') => return self.open_container(Kind::Array),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.literal("true", Kind::Bool)?,
            Some(b'f') => self.literal("false", Kind::Bool)?,
            Some(b'n') => self.literal("null", Kind::Null)?,
            _ => return Err(self.fault("expected a value")),
        }
        Ok(Next::AfterValue)
    }

    fn open_container(&mut self, kind: Kind) -> Result<Next, Fault> {
        if self.open.len() >= self.depth_max {
            return Err(Fault::too_deep(self.position, self.depth_max));
        }
        self.open.push(self.records.len() as u32);
        self.push(kind, self.position, false);
        self.position += 1;
        self.skip_space();
        let close = if kind == Kind::Object { b'}' } else { b']' };
        if self.peek() == Some(close) {
            self.close_container()?;
            return Ok(Next::AfterValue);
        }
        if kind == Kind::Object {
            self.name("expected a property name or `}`")?;
        }
        Ok(Next::Value)
    }

    fn continue_container(&mut self, container: u32) -> Result<Next, Fault> {
        let is_object = self.records.get(container as usize).is_some_and(|record| record.kind == Kind::Object);
        match (self.peek(), is_object) {
            (Some(b','), true) => {
                self.position += 1;
                self.skip_space();
                self.name("expected a property name")?;
                Ok(Next::Value)
            }
            (Some(b','), false) => {
                self.position += 1;
                Ok(Next::Value)
            }
            (Some(b'}'), true) | (Some(b']'), false) => {
                self.close_container()?;
                Ok(Next::AfterValue)
            }
            (_, true) => Err(self.fault("expected `,` or `}`")),
            (_, false) => Err(self.fault("expected `,` or `]`")),
        }
    }

    fn close_container(&mut self) -> Result<(), Fault> {
        self.position += 1;
        let next = self.records.len() as u32;
        let end = self.position as u32;
        let Some(container) = self.open.pop() else { return Ok(()) };
        let Some(record) = self.records.get_mut(container as usize) else { return Ok(()) };
        record.next = next;
        record.end = end;
        if record.kind == Kind::Object { self.refuse_duplicates(container) } else { Ok(()) }
    }

    fn name(&mut self, expected: &str) -> Result<(), Fault> {
        self.string(expected)?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.fault("expected `:`"));
        }
        self.position += 1;
        Ok(())
    }

    fn string(&mut self, expected: &str) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.fault(expected));
        }
        let start = self.position;
        let mut is_escaped = false;
        self.position += 1;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault("expected control characters to be escaped")),
                None => return Err(self.fault("expected a closing quotation mark")),
            }
        }
        self.position += 1;
        self.push(Kind::String, start, is_escaped);
        Ok(())
    }

    /// Moves to the next quotation mark, backslash or control character, eight bytes at a time while it can.
    fn skip_plain(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGHS: u64 = 0x8080_8080_8080_8080;
        while let Some(chunk) = self.bytes.get(self.position..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*chunk);
            // The classic "has a zero byte" test, after making the byte sought zero; below 0x20 by subtraction.
            let quote = word ^ (ONES * u64::from(b'"'));
            let slash = word ^ (ONES * u64::from(b'\\'));
            let special = (quote.wrapping_sub(ONES) & !quote)
                | (slash.wrapping_sub(ONES) & !slash)
                | (word.wrapping_sub(ONES * 0x20) & !word);
            let special = special & HIGHS;
            if special != 0 {
                // Only the lowest hit is certain to be true, and the lowest is the one wanted.
                self.position += special.trailing_zeros() as usize / 8;
                return;
            }
            self.position += 8;
        }
        while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
            self.position += 1;
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.position += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.position += 1,
            Some(b'u') => {
                let unit = self.unicode_unit()?;
                if (0xDC00..=0xDFFF).contains(&unit) {
                    return Err(self.fault("expected a high surrogate before a low one"));
                }
                if (0xD800..=0xDBFF).contains(&unit) {
                    let is_paired = self.rest().starts_with(b"\\u");
                    self.position += usize::from(is_paired);
                    if !is_paired || !(0xDC00..=0xDFFF).contains(&self.unicode_unit()?) {
                        return Err(self.fault("expected a low surrogate after a high one"));
                    }
                }
            }
            _ => return Err(self.fault("expected a valid escape")),
        }
        Ok(())
    }

    /// Reads `uXXXX`.
    fn unicode_unit(&mut self) -> Result<u32, Fault> {
        let digits = self.rest().get(1..5).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits else { return Err(self.fault("expected four hexadecimal digits")) };
        let unit = digits.iter().fold(0, |unit, digit| unit * 16 + (*digit as char).to_digit(16).unwrap_or(0));
        self.position += 5;
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.position;
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        if self.peek() == Some(b'0') {
            self.position += 1;
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return Err(self.fault("expected a number without leading zeros"));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.position += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.position += 1;
            }
            self.digits()?;
        }
        self.push(Kind::Number, start, false);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.position;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.position += 1;
        }
        if self.position == start { Err(self.fault("expected a digit")) } else { Ok(()) }
    }

    fn literal(&mut self, word: &str, kind: Kind) -> Result<(), Fault> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.fault("expected a value"));
        }
        let start = self.position;
        self.position += word.len();
        self.push(kind, start, false);
        Ok(())
    }

    fn refuse_duplicates(&self, container: u32) -> Result<(), Fault> {
        let names = || {
            let mut index = container as usize + 1;
            std::iter::from_fn(move || {
                let name = self.records.get(index)?;
                index = self.records.get(index + 1)?.next as usize;
                Some(name)
            })
        };
        let mut prints = [0; PRINTS_MAX];
        let mut count = 0;
        let is_told_apart = names().all(|name| {
            let print = self.print(name);
            let (known, new) = prints.split_at_mut(count);
            count += 1;
            let Some(place) = new.first_mut() else { return false };
            *place = print;
            !name.is_escaped && !known.contains(&print)
        });
        if is_told_apart {
            return Ok(());
        }
        let mut seen = HashSet::new();
        for name in names() {
            let content = self.content(name);
            let content = if name.is_escaped { unescape(content).into() } else { std::borrow::Cow::Borrowed(content) };
            if !seen.insert(content) {
                return Err(duplicate(name));
            }
        }
        Ok(())
    }

    fn content(&self, record: &Record) -> &str {
        self.text.get(record.start as usize + 1..(record.end as usize).saturating_sub(1)).unwrap_or_default()
    }

    /// A number of a name's first and last eight bytes and its length: other for nearly every other name.
    fn print(&self, name: &Record) -> u64 {
        let content = self.content(name).as_bytes();
        let ends = content.first_chunk().zip(content.last_chunk());
        let (first, last) = ends.map_or_else(
            || (content.iter().fold(0, |print, byte| print << 8 | u64::from(*byte)), 0),
            |(first, last)| (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        );
        first ^ last.rotate_left(29) ^ (content.len() as u64).rotate_left(56)
    }

    fn push(&mut self, kind: Kind, start: usize, is_escaped: bool) {
        let next = self.records.len() as u32 + 1;
        self.records.push(Record { start: start as u32, end: self.position as u32, next, kind, is_escaped });
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.position += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault::new(self.position, reason)
    }
}

fn duplicate(name: &Record) -> Fault {
    Fault::new(name.start as usize, "expected each property only once in an object")
}

/// Decodes the escapes of a string that the parser accepted.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut characters = escape.chars();
        match characters.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let high = hexadecimal(escape.get(1..5));
                if (0xD800..=0xDBFF).contains(&high) {
                    let low = hexadecimal(escape.get(7..11));
                    let code = 0x10000 + ((high - 0xD800) << 10) + (low.saturating_sub(0xDC00));
                    out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    rest = escape.get(11..).unwrap_or_default();
                } else {
                    out.push(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
                    rest = escape.get(5..).unwrap_or_default();
                }
                continue;
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out
}

fn hexadecimal(digits: Option<&str>) -> u32 {
    digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
}
