//! Code systems that are a grammar rather than a list: a code is judged by its form.

/// Longer texts are no unit that anybody writes, annotations included.
const UNIT_LENGTH_MAX_BYTES: usize = 256;

/// Says whether a code has the form that its system demands; `None` when the system is not such a grammar.
pub(crate) fn is_code(system: &str, code: &str) -> Option<bool> {
    Some(match system {
        "urn:ietf:bcp:47" => is_language(code),
        "urn:ietf:bcp:13" | "http://www.rfc-editor.org/bcp/bcp13.txt" => is_media_type(code),
        "http://unitsofmeasure.org" => is_unit(code),
        "urn:iso:std:iso:4217" => code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()),
        "urn:ietf:rfc:3986" => !code.is_empty() && !code.contains(char::is_whitespace),
        _ => return None,
    })
}

/// RFC 5646, section 2.1, without the registry of subtags.
fn is_language(code: &str) -> bool {
    let mut subtags = code.split('-');
    let primary = subtags.next().unwrap_or_default();
    let is_primary = matches!(primary, "x" | "i" | "X" | "I") && code.contains('-')
        || (2..=8).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_primary
        && subtags.all(|subtag| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// RFC 6838, section 4.2: two names and, after `;`, parameters; FHIR also has three short forms for its own formats.
fn is_media_type(code: &str) -> bool {
    if matches!(code, "xml" | "json" | "ttl") {
        return true;
    }
    let essence = code.split_once(';').map_or(code, |(essence, _)| essence).trim_end();
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&byte))
    };
    essence.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

/// UCUM, by its grammar and its table of units: <https://ucum.org/ucum>.
fn is_unit(code: &str) -> bool {
    (1..=UNIT_LENGTH_MAX_BYTES).contains(&code.len()) && octofhir_ucum::validate(code).is_ok()
}
