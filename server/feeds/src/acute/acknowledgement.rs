//! Acknowledgements: MSH, MSA and ERR, in the form of the sender's version.

use fhir::{Instant, Issue};

use crate::MapError;

/// What becomes of a message (HL7 table 0008).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckCode {
    /// Taken and kept.
    AA,
    /// Not mapped; kept in quarantine.
    AE,
    /// Refused; not kept.
    AR,
}

/// One reason, for an ERR segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckError {
    /// The segment, as `PID`; may be empty.
    pub segment: String,
    /// The field in it.
    pub field: Option<u32>,
    /// The code of HL7 table 0357.
    pub code: u16,
    /// Words, without patient data.
    pub text: String,
}

impl AckError {
    /// A reason at a place written `PID-7`, `PID` or otherwise.
    pub fn at(location: &str, code: u16, text: &str) -> Self {
        let (segment, field) = location.split_once('-').unwrap_or((location, ""));
        let is_segment = segment.len() == 3 && segment.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let segment = if is_segment { segment.to_owned() } else { String::new() };
        Self { segment, field: field.parse().ok(), code, text: text.to_owned() }
    }
}

impl From<&MapError> for AckError {
    fn from(error: &MapError) -> Self {
        let code = match error {
            MapError::Malformed { location, .. } if location == "MSH-12" => 203,
            MapError::Malformed { .. } => 102,
            MapError::Unsupported { what, .. } if what.starts_with("ADT") || what.starts_with("ORU") => 201,
            MapError::Unsupported { .. } => 200,
            MapError::Missing { location, .. } if location.contains('-') => 101,
            MapError::Missing { .. } => 100,
        };
        Self::at(error.location(), code, &error.to_string())
    }
}

impl From<&Issue> for AckError {
    fn from(issue: &Issue) -> Self {
        Self::at(issue.expression.as_deref().unwrap_or_default(), 207, &issue.diagnostics)
    }
}

/// What an acknowledgement mirrors of a message; the defaults serve when its header is broken.
struct Mirror<'a> {
    field: u8,
    encoding: &'a [u8],
    fields: Vec<&'a [u8]>,
}

/// Builds the acknowledgement of a message, without MLLP framing; whatever the bytes are, it can be sent.
///
/// Sender and receiver change places. Versions before 2.5 get the reasons in ERR-1, later ones an ERR for each.
pub fn acknowledge(message: &[u8], code: AckCode, errors: &[AckError], now: Instant, control_id: &str) -> Vec<u8> {
    let mirror = Mirror::read(message);
    let separator = char::from(mirror.field);
    let encoding = mirror.encoding;
    let get = |n: usize| mirror.fields.get(n - 1).copied().unwrap_or_default();
    let component = char::from(encoding.first().copied().unwrap_or(b'^'));
    let version = if get(12).is_empty() { b"2.4".as_slice() } else { get(12) };
    let of_version = |index: usize| version.split(|byte| *byte == encoding_at(encoding, 0)).nth(index);
    let number = String::from_utf8_lossy(of_version(0).unwrap_or_default()).into_owned();
    let mut out = b"MSH".to_vec();
    let trigger = get(9).split(|byte| *byte == encoding_at(encoding, 0)).nth(1).unwrap_or_default();
    let mut kind = b"ACK".to_vec();
    if !trigger.is_empty() {
        kind.push(encoding_at(encoding, 0));
        kind.extend(trigger);
        if at_least(&number, 2, 4) {
            kind.extend(format!("{component}ACK").bytes());
        }
    }
    let processing = if get(11).is_empty() { b"P".as_slice() } else { get(11) };
    let fields: [&[u8]; 11] = [
        encoding,
        get(5),
        get(6),
        get(3),
        get(4),
        &timestamp(now),
        b"",
        &kind,
        control_id.as_bytes(),
        processing,
        version,
    ];
    for field in fields {
        out.push(mirror.field);
        out.extend(field);
    }
    if !get(17).is_empty() || !get(18).is_empty() {
        let empty = separator.to_string().repeat(4);
        out.extend(empty.bytes());
        out.push(mirror.field);
        out.extend(get(17));
        out.push(mirror.field);
        out.extend(get(18));
    }
    out.push(b'\r');
    let text = errors.first().filter(|_| code != AckCode::AA && !at_least(&number, 2, 5));
    let text = text.map(|error| escaped(&error.text, mirror.field, encoding)).unwrap_or_default();
    out.extend(format!("MSA{separator}{code:?}{separator}").bytes());
    out.extend(get(10));
    if !text.is_empty() {
        out.extend(format!("{separator}{text}").bytes());
    }
    out.push(b'\r');
    for error in errors {
        out.extend(error_segment(error, &number, mirror.field, encoding).bytes());
    }
    out
}

impl<'a> Mirror<'a> {
    fn read(message: &'a [u8]) -> Self {
        let start = message.windows(3).position(|window| window == b"MSH");
        let line = start.and_then(|start| message.get(start..)).unwrap_or_default();
        let line = line.split(|byte| matches!(byte, b'\r' | b'\n' | 0x1C)).next().unwrap_or_default();
        let field = line.get(3).copied().filter(|byte| byte.is_ascii_punctuation());
        let Some(field) = field else {
            return Self { field: b'|', encoding: b"^~\\&", fields: Vec::new() };
        };
        // Field 1 is the separator itself; the name makes way for it, so that place n - 1 is field n.
        let mut fields: Vec<&[u8]> = line.split(|byte| *byte == field).collect();
        if let Some(first) = fields.first_mut() {
            *first = line.get(3..4).unwrap_or_default();
        }
        let encoding = fields.get(1).copied().unwrap_or_default();
        let is_sound = encoding.len() >= 2 && encoding.iter().all(u8::is_ascii_punctuation);
        Self { field, encoding: if is_sound { encoding } else { b"^~\\&" }, fields }
    }
}

fn encoding_at(encoding: &[u8], place: usize) -> u8 {
    encoding.get(place).or_else(|| b"^~\\&".get(place)).copied().unwrap_or(b'^')
}

fn error_segment(error: &AckError, version: &str, field: u8, encoding: &[u8]) -> String {
    let separator = char::from(field);
    let component = char::from(encoding_at(encoding, 0));
    let subcomponent = char::from(encoding_at(encoding, 3));
    let place = error.field.map(|field| field.to_string()).unwrap_or_default();
    let sequence = if error.segment.is_empty() { "" } else { "1" };
    let meaning = meaning(error.code);
    let segment = &error.segment;
    let code = error.code;
    if !at_least(version, 2, 5) {
        let coded = format!("{code}{subcomponent}{meaning}{subcomponent}HL70357");
        return format!("ERR{separator}{segment}{component}{sequence}{component}{place}{component}{coded}\r");
    }
    let text = escaped(&error.text, field, encoding);
    let location = format!("{segment}{component}{sequence}{component}{place}");
    let location = location.trim_end_matches(component);
    let coded = format!("{code}{component}{meaning}{component}HL70357");
    let gap = separator.to_string().repeat(4);
    format!("ERR{separator}{separator}{location}{separator}{coded}{separator}E{gap}{text}\r")
}

/// HL7 table 0357.
fn meaning(code: u16) -> &'static str {
    match code {
        0 => "Message accepted",
        100 => "Segment sequence error",
        101 => "Required field missing",
        102 => "Data type error",
        103 => "Table value not found",
        200 => "Unsupported message type",
        201 => "Unsupported event code",
        202 => "Unsupported processing id",
        203 => "Unsupported version id",
        204 => "Unknown key identifier",
        205 => "Duplicate key identifier",
        206 => "Application record locked",
        _ => "Application internal error",
    }
}

fn at_least(version: &str, major: u32, minor: u32) -> bool {
    let mut numbers = version.split('.').map(|number| number.trim().parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}

/// `YYYYMMDDHHMMSS+0000`.
fn timestamp(now: Instant) -> Vec<u8> {
    let text = now.to_fhir();
    let digits = text.bytes().filter(u8::is_ascii_digit).take(14);
    digits.chain(b"+0000".iter().copied()).collect()
}

/// Words with separators escaped and line ends made blanks.
fn escaped(text: &str, field: u8, encoding: &[u8]) -> String {
    let escape = char::from(encoding_at(encoding, 2));
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let letter = match character {
            _ if character == char::from(field) => 'F',
            _ if character == char::from(encoding_at(encoding, 0)) => 'S',
            _ if character == char::from(encoding_at(encoding, 1)) => 'R',
            _ if character == escape => 'E',
            _ if character == char::from(encoding_at(encoding, 3)) => 'T',
            _ if character.is_control() => {
                out.push(' ');
                continue;
            }
            _ => {
                out.push(character);
                continue;
            }
        };
        out.extend([escape, letter, escape]);
    }
    out
}
