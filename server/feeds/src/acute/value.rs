//! OBX-5 by the type of OBX-2 to a value, with units (OBX-6) and reference range (OBX-7).

use serde_json::{Map, Number, Value, json};

use super::datatype::{self, put, put_text};
use super::mapping::Mapping;
use super::syntax::{Part, Segment};
use super::{time, ucum};
use crate::system;

/// Sets the value of an observation; several segments are the lines of one text.
pub(super) fn put_value(mapping: &mut Mapping, run: &[&Segment<'_>], resource: &mut Map<String, Value>) {
    let Some(obx) = run.first() else {
        return;
    };
    let parts: Vec<Part<'_>> = run.iter().flat_map(|obx| obx.field(5).repetitions()).collect();
    if parts.is_empty() {
        absent(obx, resource);
        return;
    }
    let kind = obx.text(2).to_ascii_uppercase();
    let value = match (kind.as_str(), parts.as_slice()) {
        ("NM" | "SN" | "CQ" | "CE" | "CWE" | "CNE" | "CF" | "IS" | "ID" | "DT" | "TM" | "TS" | "DTM", [part]) => {
            typed(mapping, obx, &kind, *part)
        }
        _ => None,
    };
    let (name, value) = value.unwrap_or_else(|| {
        if matches!(kind.as_str(), "NM" | "SN" | "DT" | "TM" | "TS" | "DTM") {
            mapping.note("OBX-5", &format!("not one value of type {kind}; kept as text"));
        }
        ("valueString", json!(text(run, &kind)))
    });
    if value.as_str() == Some("") {
        absent(obx, resource);
    } else {
        resource.insert(name.to_owned(), value);
    }
}

/// No value: why, as far as OBX-11 tells.
fn absent(obx: &Segment<'_>, resource: &mut Map<String, Value>) {
    let (code, display) = match obx.text(11).as_ref() {
        "X" => ("error", "Error"),
        "N" => ("not-asked", "Not Asked"),
        "I" | "O" | "P" | "S" => ("temp-unknown", "Temporarily Unknown"),
        _ => ("unknown", "Unknown"),
    };
    resource.insert("dataAbsentReason".to_owned(), crate::codeable(system::DATA_ABSENT_REASON, code, display));
}

fn typed(mapping: &Mapping, obx: &Segment<'_>, kind: &str, part: Part<'_>) -> Option<(&'static str, Value)> {
    match kind {
        "NM" => Some(("valueQuantity", quantity(obx, &part.at(1))?)),
        "CQ" => Some(("valueQuantity", quantity(obx, &part.at(1))?)),
        "SN" => structured_numeric(obx, part),
        "CE" | "CWE" | "CNE" | "CF" => Some(("valueCodeableConcept", datatype::codeable(part, &mapping.header)?)),
        "IS" | "ID" => Some(("valueString", json!(part.text()))),
        "DT" | "TS" | "DTM" => Some(("valueDateTime", json!(time::date_time(&part.at(1))?))),
        "TM" => Some(("valueTime", json!(time::time(&part.at(1))?))),
        _ => None,
    }
}

/// A number with its unit; senders put comparators into plain numbers too.
fn quantity(obx: &Segment<'_>, text: &str) -> Option<Value> {
    let (comparator, digits) = split_comparator(text);
    let number = decimal(digits)?;
    let mut quantity = Map::new();
    quantity.insert("value".to_owned(), Value::Number(number));
    put_text(&mut quantity, "comparator", comparator);
    put_unit(obx, &mut quantity);
    Some(Value::Object(quantity))
}

fn split_comparator(text: &str) -> (&str, &str) {
    let text = text.trim();
    for comparator in ["<=", ">=", "<", ">"] {
        if let Some(rest) = text.strip_prefix(comparator) {
            return (comparator, rest.trim());
        }
    }
    ("", text)
}

/// `comparator^number^separator^number`.
fn structured_numeric(obx: &Segment<'_>, part: Part<'_>) -> Option<(&'static str, Value)> {
    let (comparator, first, separator, second) = (part.at(1), part.at(2), part.at(3), part.at(4));
    if second.is_empty() {
        let comparator = if comparator == "=" { "" } else { comparator.as_ref() };
        if !separator.is_empty() || !matches!(comparator, "" | "<" | ">" | "<=" | ">=") {
            return None;
        }
        return Some(("valueQuantity", quantity(obx, &format!("{comparator}{first}"))?));
    }
    let (first, second) = (quantity(obx, &first)?, quantity(obx, &second)?);
    match separator.as_ref() {
        "-" => Some(("valueRange", json!({ "low": first, "high": second }))),
        ":" | "/" => Some(("valueRatio", json!({ "numerator": first, "denominator": second }))),
        _ => None,
    }
}

/// A decimal as FHIR writes it, with the digits that were sent.
fn decimal(text: &str) -> Option<Number> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    serde_json::from_str(&format!("{sign}{whole}{point}{fraction}")).ok()
}

/// OBX-6 in UCUM where it is UCUM, the sender's words otherwise.
fn put_unit(obx: &Segment<'_>, quantity: &mut Map<String, Value>) {
    let part = obx.field(6).first();
    let (code, words, name) = (part.at(1), part.at(2), part.at(3));
    if code.is_empty() && words.is_empty() {
        return;
    }
    let ucum = if name.eq_ignore_ascii_case("UCUM") && !code.contains(char::is_whitespace) && !code.is_empty() {
        Some(code.to_string())
    } else {
        ucum::code(&code).or_else(|| ucum::code(&words)).map(str::to_owned)
    };
    put_text(quantity, "unit", if code.is_empty() { &words } else { &code });
    if let Some(ucum) = ucum {
        put_text(quantity, "system", system::UCUM);
        put_text(quantity, "code", &ucum);
    }
}

/// The text of one or more segments, line by line; formatting of FT is resolved with the escapes.
fn text(run: &[&Segment<'_>], kind: &str) -> String {
    let is_composite = !matches!(kind, "TX" | "FT" | "ST" | "NM" | "SN" | "");
    let lines: Vec<String> = run
        .iter()
        .flat_map(|obx| obx.field(5).repetitions())
        .map(|part| if is_composite { part.flat() } else { part.text().into_owned() })
        .collect();
    lines.join("\n").trim().to_owned()
}

/// OBX-7: low and high where it reads so, and always the sender's words.
pub(super) fn reference_range(mapping: &Mapping, obx: &Segment<'_>) -> Vec<Value> {
    if !Mapping::has(obx, 7) || mapping.header.message_type.is_empty() {
        return Vec::new();
    }
    let text = obx.field(7).first().text().into_owned();
    let mut range = Map::new();
    let (low, high) = bounds(&text);
    let kind = obx.text(2);
    if matches!(kind.as_ref(), "NM" | "SN") {
        put(&mut range, "low", low.and_then(|low| quantity(obx, low)));
        put(&mut range, "high", high.and_then(|high| quantity(obx, high)));
    }
    range.insert("text".to_owned(), json!(text));
    vec![Value::Object(range)]
}

/// `3.5-5.0`, `3.5 to 5.0`, `70_105`; a bound alone (`<5`, `>=60`) stays text, for whether it belongs is not said.
fn bounds(text: &str) -> (Option<&str>, Option<&str>) {
    let text = text.trim().trim_start_matches('(').trim_end_matches(')');
    for separator in [" to ", " - ", "-", "_", "\u{2013}"] {
        let Some((low, high)) = text.split_once(separator) else {
            continue;
        };
        if decimal(low).is_some() && decimal(high).is_some() {
            return (Some(low), Some(high));
        }
    }
    (None, None)
}

/// ED (a document in base64 or hex) and RP (where a document is) to an Attachment.
pub(super) fn attachment(mapping: &mut Mapping, obx: &Segment<'_>) -> Option<Value> {
    let part = obx.field(5).repetitions().next()?;
    let title = obx.field(3).first().at(2).into_owned();
    let mut attachment = Map::new();
    if obx.text(2) == "RP" {
        let pointer = part.at(1).into_owned();
        let is_url = pointer.contains(':') && !pointer.contains(char::is_whitespace);
        if !is_url {
            mapping.warn("OBX-5", "a pointer to a document that is not a URL; left out");
            return None;
        }
        put_text(&mut attachment, "contentType", &media_type(&part.at(3), &part.at(4)));
        put_text(&mut attachment, "url", &pointer);
        put_text(&mut attachment, "title", &title);
        return Some(Value::Object(attachment));
    }
    put_text(&mut attachment, "contentType", &media_type(&part.at(2), &part.at(3)));
    let data: String = part.at(5).chars().filter(|character| !character.is_whitespace()).collect();
    if part.at(4).to_ascii_uppercase() != "BASE64" || !is_base64(&data) {
        mapping.warn("OBX-5", "a document that is not base64; left out");
        return None;
    }
    put_text(&mut attachment, "data", &data);
    put_text(&mut attachment, "title", &title);
    Some(Value::Object(attachment))
}

/// Types of HL7 tables 0191 and 0291; some senders put the whole media type into one component.
fn media_type(kind: &str, subtype: &str) -> String {
    let (kind, subtype) = (kind.to_ascii_lowercase(), subtype.to_ascii_lowercase());
    match (kind.as_str(), subtype.as_str()) {
        (whole, _) if whole.contains('/') => whole.to_owned(),
        (_, whole) if whole.contains('/') => whole.to_owned(),
        (_, "pdf") | ("pdf", _) => "application/pdf".to_owned(),
        (_, "jpeg" | "jpg") => "image/jpeg".to_owned(),
        (_, "png" | "gif" | "tiff") => format!("image/{subtype}"),
        (_, "rtf") => "application/rtf".to_owned(),
        (_, "html" | "xml") => format!("text/{subtype}"),
        ("text" | "txt" | "ft" | "tx", _) => "text/plain".to_owned(),
        _ => "application/octet-stream".to_owned(),
    }
}

fn is_base64(data: &str) -> bool {
    let body = data.trim_end_matches('=');
    !data.is_empty()
        && data.len().is_multiple_of(4)
        && data.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}
