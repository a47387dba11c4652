//! Business keys: the identifier by which a later message finds the same resource, and references by it.

use serde_json::{Value, json};

/// Type, system and value that name a resource in its source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BusinessKey {
    /// The resource type, as `Patient`.
    pub type_name: String,
    /// The namespace of the value.
    pub system: String,
    /// The value in it.
    pub value: String,
}

impl BusinessKey {
    /// A key of the given type.
    pub fn new(type_name: impl Into<String>, system: impl Into<String>, value: impl Into<String>) -> Self {
        Self { type_name: type_name.into(), system: system.into(), value: value.into() }
    }

    /// The text of a conditional reference: `Patient?identifier=<system>|<value>`, both percent-encoded where needed.
    pub fn to_reference(&self) -> String {
        let mut text = format!("{}?identifier=", self.type_name);
        encode(&self.system, &mut text);
        text.push('|');
        encode(&self.value, &mut text);
        text
    }

    /// Reads a conditional reference as [`BusinessKey::to_reference`] writes it.
    pub fn from_reference(text: &str) -> Option<BusinessKey> {
        let (type_name, rest) = text.split_once("?identifier=")?;
        let (system, value) = rest.split_once('|')?;
        Some(Self::new(type_name, decode(system)?, decode(value)?))
    }
}

/// A `Reference` element to the resource with this key, of the named type.
///
/// `type_name` stands beside the key so that a mapping reads as FHIR: `reference("Patient", &key)`.
pub fn reference(type_name: &str, key: &BusinessKey) -> Value {
    debug_assert_eq!(type_name, key.type_name);
    json!({ "reference": key.to_reference(), "type": type_name })
}

/// Percent-encodes all but what a URL takes as it is; `|`, `%`, `&` and blanks never stand raw in a part.
fn encode(part: &str, out: &mut String) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

fn decode(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(rest.next()?).to_digit(16)?;
        let low = char::from(rest.next()?).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}
