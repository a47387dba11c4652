//! Code systems that no definition lists: a code is judged by its form, of countries and currencies by a table.

use oxilangtag::LanguageTag;

use crate::iso;

/// Longer texts are no unit that anybody writes, annotations included.
const UNIT_LENGTH_MAX_BYTES: usize = 256;

/// Says whether a code has the form that its system demands; `None` when the system is none of these.
pub(crate) fn is_code(system: &str, code: &str) -> Option<bool> {
    Some(match system {
        "urn:ietf:bcp:47" => is_language(code),
        "urn:ietf:bcp:13" | "http://www.rfc-editor.org/bcp/bcp13.txt" => is_media_type(code),
        "http://unitsofmeasure.org" => is_unit(code),
        "urn:iso:std:iso:3166" => iso::is_country(code),
        "urn:iso:std:iso:4217" => iso::is_currency(code),
        "urn:ietf:rfc:3986" => !code.is_empty() && !code.contains(char::is_whitespace),
        _ => return None,
    })
}

/// Says whether a system forms codes without end.
pub(crate) fn is_endless(system: &str) -> bool {
    is_code(system, "").is_some() && !system.starts_with("urn:iso:")
}

/// RFC 5646: the grammar, and of the registry the subtags of two letters, which no more are added to. Those of three are too many and too
/// often new.
fn is_language(code: &str) -> bool {
    let Ok(tag) = LanguageTag::parse(code) else { return false };
    let primary = tag.primary_language();
    primary.len() != 2 || LANGUAGES.split(' ').any(|known| known.eq_ignore_ascii_case(primary))
}

/// The languages of ISO 639-1, and those that the registry keeps beside them.
const LANGUAGES: &str = "\
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es \
    et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik in io is it iu iw ja ji jv jw \
    ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo mr ms mt my na nb nd ne ng \
    nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv \
    sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

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
    let is_short = (1..=UNIT_LENGTH_MAX_BYTES).contains(&code.len());
    is_short && plain_unit(code).is_some_and(|unit| octofhir_ucum::validate(&unit).is_ok())
}

/// A unit with all annotations alike, which mean nothing to UCUM; `None` when a brace is left over.
///
/// R4's own list of common units has white space in annotations, and annotations behind brackets; the grammar has neither.
fn plain_unit(code: &str) -> Option<String> {
    let mut plain = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, after)) = rest.split_once('{') {
        let (annotation, after) = after.split_once('}')?;
        if !annotation.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic() && byte != b'{') {
            return None;
        }
        plain.push_str(before);
        if !plain.ends_with(')') {
            plain.push_str("{a}");
        }
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}
