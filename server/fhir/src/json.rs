//! The lossless, immutable JSON tree that the whole server reads: one flat list of records over the original text.
//!
//! A record holds offsets, never copies, so number texts such as `1.500` and the order of properties stay as they were
//! sent (<https://hl7.org/fhir/R4/json.html>, decimals "SHALL preserve precision"). [`Node`] is a position in that list.

use std::borrow::Cow;
use std::fmt;

use crate::json_parser::{self, Fault, Record};

/// How much nesting the parser accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The deepest nesting of objects and arrays.
    pub depth_max: usize,
}

impl Default for Limits {
    /// A hundred levels: the deepest example of the standard has under thirty.
    fn default() -> Self {
        Self { depth_max: 100 }
    }
}

/// Why a text is not the JSON that FHIR wants; it holds a position and what was expected there, never content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} column {column}: {reason}")]
pub struct JsonError {
    /// The byte offset into the text.
    pub offset: usize,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What was expected.
    pub reason: String,
    /// Whether the text nests deeper than [`Limits::depth_max`]: well-formed, perhaps, and not read.
    pub is_too_deep: bool,
}

/// A parsed document: its text and the records over it.
#[derive(Clone)]
pub struct Json {
    text: Box<str>,
    records: Vec<Record>,
}

impl Json {
    /// Parses a document strictly (RFC 8259, UTF-8, no duplicate property); a byte order mark is tolerated.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        Self::parse_with(bytes.to_vec(), Limits::default())
    }

    /// Parses a document without copying its text.
    pub fn parse_owned(bytes: Vec<u8>) -> Result<Self, JsonError> {
        Self::parse_with(bytes, Limits::default())
    }

    /// Parses a document with the given limits.
    pub fn parse_with(mut bytes: Vec<u8>, limits: Limits) -> Result<Self, JsonError> {
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            bytes.drain(..3);
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let valid = error.as_bytes().get(..offset).unwrap_or_default();
                let valid = String::from_utf8_lossy(valid);
                return Err(error_at(&valid, Fault::new(offset, "expected valid UTF-8")));
            }
        };
        match json_parser::parse(&text, limits.depth_max) {
            Ok(records) => Ok(Self { text: text.into_boxed_str(), records }),
            Err(fault) => Err(error_at(&text, fault)),
        }
    }

    /// Gives the tree of a value that was built in code.
    #[must_use]
    pub fn from_value(value: &serde_json::Value) -> Self {
        #[expect(clippy::expect_used, reason = "what serde_json writes is valid JSON without duplicate names")]
        Self::parse_with(value.to_string().into_bytes(), Limits { depth_max: usize::MAX })
            .expect("a serialised value is valid JSON")
    }

    /// Gives the top of the tree.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node { json: self, index: 0 }
    }

    /// Gives the value of a number that [`Node::index`] gave.
    #[must_use]
    pub fn node_at(&self, index: u32) -> Option<Node<'_>> {
        ((index as usize) < self.records.len()).then_some(Node { json: self, index })
    }

    /// Gives the text as it was parsed (without a byte order mark).
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Gives the text with a line for each value, indented by two; numbers and strings are written as they are.
    #[must_use]
    pub fn to_pretty(&self) -> String {
        let mut out = String::with_capacity(self.text.len() * 2);
        pretty(self.root(), 0, &mut out);
        out.push('\n');
        out
    }

    /// Gives the line and the column, both from 1, of a byte offset.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        line_column(&self.text, offset)
    }

    /// Gives the `resourceType` of the document, if it is a string without escapes.
    #[must_use]
    pub fn resource_type(&self) -> Option<&str> {
        match self.root().str("resourceType") {
            Some(Cow::Borrowed(name)) => Some(name),
            _ => None,
        }
    }

    fn record(&self, index: u32) -> Record {
        self.records.get(index as usize).copied().unwrap_or(Record::NOTHING)
    }
}

impl fmt::Debug for Json {
    /// Shows sizes only: the text may be a patient's data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Json({} bytes, {} records)", self.text.len(), self.records.len())
    }
}

/// What a JSON value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `{...}`
    Object,
    /// `[...]`
    Array,
    /// `"..."`
    String,
    /// A number, kept as its text.
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

/// A value inside a [`Json`] document; cheap to copy, equal only to itself.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    json: &'a Json,
    index: u32,
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.json, other.json) && self.index == other.index
    }
}

impl Eq for Node<'_> {}

impl fmt::Debug for Node<'_> {
    /// Shows the kind and the place only: the content may be a patient's data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Node({:?} at {})", self.kind(), self.offset())
    }
}

impl<'a> Node<'a> {
    /// Gives what the value is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.record().kind
    }

    /// Says whether the value is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.kind() == Kind::Object
    }

    /// Says whether the value is an array.
    #[must_use]
    pub fn is_array(&self) -> bool {
        self.kind() == Kind::Array
    }

    /// Says whether the value is a string.
    #[must_use]
    pub fn is_string(&self) -> bool {
        self.kind() == Kind::String
    }

    /// Says whether the value is a number.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.kind() == Kind::Number
    }

    /// Says whether the value is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// Gives the content of a string, borrowed unless it has escapes.
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        let record = self.record();
        if record.kind != Kind::String {
            return None;
        }
        let inner = self.slice(record.start + 1, record.end.saturating_sub(1));
        Some(if record.is_escaped { Cow::Owned(json_parser::unescape(inner)) } else { Cow::Borrowed(inner) })
    }

    /// Gives the exact text of a number.
    #[must_use]
    pub fn number_text(&self) -> Option<&'a str> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }

    /// Gives a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == "true")
    }

    /// Gives a number that is a whole number in range and written as one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.number_text()?.parse().ok()
    }

    /// Gives the value of a property of an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        self.entries().find(|(name, _)| name.is_text(key)).map(|(_, value)| value)
    }

    /// Follows property names through objects.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<Node<'a>> {
        path.iter().try_fold(*self, |node, key| node.get(key))
    }

    /// Gives the string under a property of an object.
    #[must_use]
    pub fn str(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.as_str()
    }

    /// Iterates over the properties of an object in their order; nothing for other kinds.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, Node<'a>)> + use<'a> {
        self.entries().map(|(name, value)| (name.as_str().unwrap_or_default(), value))
    }

    /// Iterates over the items of an array; nothing for other kinds.
    pub fn items(&self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let end = if self.is_array() { self.record().next } else { self.index + 1 };
        Siblings { json: self.json, index: self.index + 1, end }
    }

    /// Iterates over the items of an array, or gives the value itself when it is not an array.
    pub fn each(&self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let (index, end) =
            if self.is_array() { (self.index + 1, self.record().next) } else { (self.index, self.record().next) };
        Siblings { json: self.json, index, end }
    }

    /// Counts the properties of an object or the items of an array.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.kind() {
            Kind::Object => self.entries().count(),
            _ => self.items().count(),
        }
    }

    /// Says whether there are no properties and no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the byte offset at which the value starts.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.record().start as usize
    }

    /// Gives the byte offset just after the value.
    #[must_use]
    pub fn end_offset(&self) -> usize {
        self.record().end as usize
    }

    /// Gives the line and the column at which the value starts.
    #[must_use]
    pub fn line_column(&self) -> (u32, u32) {
        self.json.line_column(self.offset())
    }

    /// Gives the exact source text of the value.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        let record = self.record();
        self.slice(record.start, record.end)
    }

    /// Gives a number that is this node's own within its document, for sets and maps of nodes.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Copies the value into the type that is used to build JSON.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        use serde_json::Value;
        match self.kind() {
            Kind::Object => {
                Value::Object(self.members().map(|(name, value)| (name.into_owned(), value.to_value())).collect())
            }
            Kind::Array => Value::Array(self.items().map(|item| item.to_value()).collect()),
            Kind::String => Value::String(self.as_str().unwrap_or_default().into_owned()),
            Kind::Number => serde_json::from_str(self.raw()).unwrap_or(Value::Null),
            Kind::Bool => Value::Bool(self.raw() == "true"),
            Kind::Null => Value::Null,
        }
    }

    /// Gives the value as a document of its own, without parsing its text again.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let Record { start, next, .. } = self.record();
        let end = (next as usize).min(self.json.records.len());
        let records = self.json.records.get(self.index as usize..end).unwrap_or_default();
        let moved = |record: &Record| Record {
            start: record.start - start,
            end: record.end - start,
            next: record.next - self.index,
            ..*record
        };
        Json { text: self.raw().into(), records: records.iter().map(moved).collect() }
    }

    /// Gives the document that the value is in.
    #[must_use]
    pub fn json(&self) -> &'a Json {
        self.json
    }

    /// Iterates over the properties of an object as pairs of nodes, the first being the name.
    pub fn entries(&self) -> impl Iterator<Item = (Node<'a>, Node<'a>)> + use<'a> {
        let end = if self.is_object() { self.record().next } else { self.index + 1 };
        let mut siblings = Siblings { json: self.json, index: self.index + 1, end };
        std::iter::from_fn(move || Some((siblings.next()?, siblings.next()?)))
    }

    fn is_text(&self, text: &str) -> bool {
        let record = self.record();
        if record.is_escaped {
            return self.as_str().as_deref() == Some(text);
        }
        // Lengths differ for nearly every other property: compare them before touching the text.
        (record.end - record.start) as usize == text.len() + 2 && self.slice(record.start + 1, record.end - 1) == text
    }

    fn record(&self) -> Record {
        self.json.record(self.index)
    }

    fn slice(&self, start: u32, end: u32) -> &'a str {
        self.json.text.get(start as usize..end as usize).unwrap_or_default()
    }
}

struct Siblings<'a> {
    json: &'a Json,
    index: u32,
    end: u32,
}

impl<'a> Iterator for Siblings<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.index >= self.end {
            return None;
        }
        let node = Node { json: self.json, index: self.index };
        self.index = node.record().next;
        Some(node)
    }
}

fn pretty(node: Node<'_>, depth: usize, out: &mut String) {
    let members = node.entries().map(|(name, value)| (Some(name), value));
    let mut children = members.chain(node.items().map(|item| (None, item))).peekable();
    if children.peek().is_none() {
        out.push_str(match node.kind() {
            Kind::Object => "{}",
            Kind::Array => "[]",
            _ => node.raw(),
        });
        return;
    }
    let (open, close) = if node.is_object() { ('{', '}') } else { ('[', ']') };
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    out.push(open);
    while let Some((name, child)) = children.next() {
        line(depth + 1, out);
        if let Some(name) = name {
            out.push_str(name.raw());
            out.push_str(": ");
        }
        pretty(child, depth + 1, out);
        if children.peek().is_some() {
            out.push(',');
        }
    }
    line(depth, out);
    out.push(close);
}

fn error_at(text: &str, Fault { offset, reason, is_too_deep }: Fault) -> JsonError {
    let (line, column) = line_column(text, offset);
    JsonError { offset, line, column, reason, is_too_deep }
}

pub(crate) fn line_column(text: &str, offset: usize) -> (u32, u32) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = text.get(..offset).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}
