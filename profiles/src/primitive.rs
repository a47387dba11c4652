//! Primitive types: the JSON kind and the form of the text, <https://hl7.org/fhir/R4/datatypes.html#primitive>.
//!
//! Written by hand rather than as regular expressions: they run on every value of every resource.

use fhir::{FhirDate, FhirId, Kind, Node};

/// A primitive type of FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

impl Primitive {
    /// Reads the name of a primitive type; `None` for every other type.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "base64Binary" => Self::Base64Binary,
            "boolean" => Self::Boolean,
            "canonical" => Self::Canonical,
            "code" => Self::Code,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "decimal" => Self::Decimal,
            "id" => Self::Id,
            "instant" => Self::Instant,
            "integer" => Self::Integer,
            "markdown" => Self::Markdown,
            "oid" => Self::Oid,
            "positiveInt" => Self::PositiveInt,
            "string" | "http://hl7.org/fhirpath/System.String" => Self::String,
            "time" => Self::Time,
            "unsignedInt" => Self::UnsignedInt,
            "uri" => Self::Uri,
            "url" => Self::Url,
            "uuid" => Self::Uuid,
            "xhtml" => Self::Xhtml,
            _ => return None,
        })
    }

    /// Gives the JSON kind that carries the type.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Boolean => Kind::Bool,
            Self::Integer | Self::PositiveInt | Self::UnsignedInt | Self::Decimal => Kind::Number,
            _ => Kind::String,
        }
    }

    /// Says whether a value of the right kind has the form of the type.
    pub(crate) fn accepts(self, node: Node<'_>) -> bool {
        match self {
            Self::Boolean => true,
            Self::Decimal => true,
            Self::Integer => number(node, i64::from(i32::MIN)),
            Self::UnsignedInt => number(node, 0),
            Self::PositiveInt => number(node, 1),
            _ => node.as_str().is_some_and(|text| self.accepts_text(&text)),
        }
    }

    /// Names what was expected, for a message.
    pub(crate) fn expectation(self) -> &'static str {
        match self {
            Self::Base64Binary => "base64 text",
            Self::Boolean => "`true` or `false`",
            Self::Canonical | Self::Uri | Self::Url => "a uri without white space",
            Self::Code => "a code without white space at its ends or doubled inside",
            Self::Date => "a date that the calendar has, as `YYYY`, `YYYY-MM` or `YYYY-MM-DD`",
            Self::DateTime => "a date that the calendar has, or one with time to the second and offset",
            Self::Decimal => "a number",
            Self::Id => "1 to 64 letters, digits, `-` or `.`",
            Self::Instant => "a date with time to the second and offset",
            Self::Integer => "a whole number of 32 bits",
            Self::Markdown | Self::String => "text with at least one character and no control characters",
            Self::Oid => "an oid as `urn:oid:1.2.3`",
            Self::PositiveInt => "a whole number from 1",
            Self::Time => "a time as `hh:mm:ss`",
            Self::UnsignedInt => "a whole number from 0",
            Self::Uuid => "a uuid in lower case as `urn:uuid:...`",
            Self::Xhtml => "an xhtml `<div>`",
        }
    }

    fn accepts_text(self, text: &str) -> bool {
        match self {
            Self::String | Self::Markdown => is_text(text),
            Self::Code => is_code(text),
            Self::Uri | Self::Url | Self::Canonical => !text.is_empty() && !text.bytes().any(|byte| byte <= b' '),
            Self::Id => FhirId::parse(text).is_some(),
            Self::Date => FhirDate::parse(text).is_some_and(|date| date.is_date()),
            Self::DateTime => FhirDate::parse(text).is_some_and(|date| date.is_date_time()),
            Self::Instant => FhirDate::parse(text).is_some_and(|date| date.is_instant()),
            Self::Time => is_time(text),
            Self::Oid => text.strip_prefix("urn:oid:").is_some_and(is_oid),
            Self::Uuid => text.strip_prefix("urn:uuid:").is_some_and(is_uuid),
            Self::Base64Binary => is_base64(text),
            Self::Xhtml => text.trim_start().starts_with("<div"),
            Self::Boolean | Self::Decimal | Self::Integer | Self::PositiveInt | Self::UnsignedInt => false,
        }
    }
}

fn number(node: Node<'_>, min: i64) -> bool {
    node.as_i64().is_some_and(|number| (min..=i64::from(i32::MAX)).contains(&number))
        && node.number_text().is_some_and(|text| text != "-0")
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && !text.bytes().any(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'))
}

fn is_code(text: &str) -> bool {
    let mut before = b' ';
    for byte in text.bytes() {
        let is_control = byte < b' ' && !byte.is_ascii_whitespace();
        if is_control || (byte.is_ascii_whitespace() && before.is_ascii_whitespace()) {
            return false;
        }
        before = byte;
    }
    !before.is_ascii_whitespace()
}

fn is_time(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let parts: Vec<Option<u8>> = clock.split(':').map(two_digits).collect();
    let digits = fraction.is_none_or(|fraction| !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()));
    digits && matches!(parts.as_slice(), [Some(0..=23), Some(0..=59), Some(0..=60)])
}

fn two_digits(text: &str) -> Option<u8> {
    let is_two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_two_digits { text.parse().ok() } else { None }
}

/// Says whether a text is an oid without `urn:oid:`.
pub(crate) fn is_oid(text: &str) -> bool {
    let mut parts = text.split('.');
    let first = parts.next().is_some_and(|part| matches!(part, "0" | "1" | "2"));
    let mut rest = parts.peekable();
    first
        && rest.peek().is_some()
        && rest.all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
        })
}

/// Says whether a text is a uuid in lower case.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// White space may stand between the characters, as in mail.
fn is_base64(text: &str) -> bool {
    let mut count = 0_usize;
    let mut padding = 0_usize;
    for byte in text.bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        count += 1;
    }
    count > 0 && count.is_multiple_of(4) && padding <= 2
}
