//! HL7 v2 data types to FHIR: XPN, XAD, XTN, CWE (and CE, CNE), by the v2-to-FHIR maps and the UK standard A.3.

use serde_json::{Map, Value, json};

use super::header::Header;
use super::syntax::Part;
use super::time;

/// HumanName of an XPN or PN; none without a name.
pub(super) fn name(part: Part<'_>, is_first: bool) -> Option<Value> {
    let mut name = Map::new();
    let kind = part.at(7).to_ascii_uppercase();
    let r#use = match kind.as_str() {
        "" if is_first => "official",
        "L" | "LEGAL" => "official",
        "D" | "PREFERRED" => "usual",
        "N" | "A" => "nickname",
        "M" | "PREVIOUS-MAIDEN" => "maiden",
        "S" => "anonymous",
        "T" => "temp",
        "B" => "old",
        previous if previous.starts_with("PREVIOUS") => "old",
        _ => "",
    };
    put_text(&mut name, "use", r#use);
    put_text(&mut name, "family", &part.at(1));
    let given: Vec<String> = [part.at(2), part.at(3)]
        .iter()
        .flat_map(|given| given.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    put_list(&mut name, "given", given);
    put_list(&mut name, "prefix", texts(&[part.at(5)]));
    put_list(&mut name, "suffix", texts(&[part.at(4), part.at(6)]));
    let has_name = name.contains_key("family") || name.contains_key("given");
    has_name.then_some(Value::Object(name))
}

/// Address of an XAD or AD; none without content. UK addresses have four lines and a postcode, and no state.
pub(super) fn address(part: Part<'_>, is_uk: bool) -> Option<Value> {
    let mut address = Map::new();
    let street = part.component(1).subcomponents().map(|sub| sub.text()).filter(|text| !text.is_empty());
    let street = street.collect::<Vec<_>>().join(" ");
    put_list(&mut address, "line", texts(&[street.into(), part.at(2)]));
    put_text(&mut address, "city", &part.at(3));
    put_text(&mut address, if is_uk { "district" } else { "state" }, &part.at(4));
    put_text(&mut address, "postalCode", &part.at(5));
    put_text(&mut address, "country", &part.at(6));
    if address.is_empty() {
        return None;
    }
    let (r#use, kind) = match part.at(7).to_ascii_uppercase().as_str() {
        "H" | "L" | "P" => ("home", ""),
        "C" | "TMP" | "T" => ("temp", ""),
        "B" | "O" => ("work", ""),
        "BI" => ("billing", ""),
        "BA" => ("old", ""),
        "M" => ("", "postal"),
        _ => ("", ""),
    };
    put_text(&mut address, "use", r#use);
    put_text(&mut address, "type", kind);
    Some(Value::Object(address))
}

/// ContactPoints of an XTN or TN: a number, an e-mail address, or both.
pub(super) fn telecom(part: Part<'_>, default_use: &str) -> Vec<Value> {
    let (code, equipment) = (part.at(2).to_ascii_uppercase(), part.at(3).to_ascii_uppercase());
    let r#use = match code.as_str() {
        _ if equipment == "CP" => "mobile",
        "WPN" => "work",
        "PRN" | "ORN" | "VHN" => "home",
        _ => default_use,
    };
    let system = match equipment.as_str() {
        "FX" => "fax",
        "BP" => "pager",
        "INTERNET" | "X.400" => "email",
        _ if code == "NET" => "email",
        _ => "phone",
    };
    let number = [part.at(1).into_owned(), part.at(12).into_owned(), dialled(part)];
    let number = number.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let mail = part.at(4).into_owned();
    let mut points = Vec::new();
    if !number.is_empty() {
        let system = if number.contains('@') { "email" } else { system };
        let is_mail_code = system == "email" && !number.contains('@');
        points.push(contact_point(if is_mail_code { "phone" } else { system }, &number, r#use));
    }
    if mail.contains('@') {
        points.push(contact_point("email", &mail, if r#use == "mobile" { default_use } else { r#use }));
    }
    points
}

/// Country, area and local number of an XTN, with its extension.
fn dialled(part: Part<'_>) -> String {
    if part.at(7).is_empty() {
        return String::new();
    }
    let mut number = texts(&[part.at(5), part.at(6), part.at(7)]).join(" ");
    if !part.at(8).is_empty() {
        number.push_str(" x");
        number.push_str(&part.at(8));
    }
    number
}

fn contact_point(system: &str, value: &str, r#use: &str) -> Value {
    let mut point = Map::new();
    put_text(&mut point, "system", system);
    put_text(&mut point, "value", value);
    put_text(&mut point, "use", r#use);
    Value::Object(point)
}

/// CodeableConcept of a CWE, CE or CNE: both codings, and the sender's words as text; none without content.
pub(super) fn codeable(part: Part<'_>, header: &Header) -> Option<Value> {
    let mut codings = Vec::new();
    for first in [1, 4] {
        let code = code(&part.at(first));
        let name = part.at(first + 2);
        // Words alone, without a code system, are free text and no code.
        let is_text = name.is_empty() && code.contains(' ');
        if !code.is_empty() && !is_text {
            let system = header.code_system(&name, &code);
            codings.push(crate::coding(&system, &code, &part.at(first + 1)));
        }
    }
    let words = [part.at(9), part.at(2), part.at(5)];
    let text = words.iter().find(|text| !text.is_empty()).map(ToString::to_string);
    let mut concept = Map::new();
    let code = part.at(1).into_owned();
    let text = text.or(Some(code).filter(|code| !code.is_empty()));
    put_list(&mut concept, "coding", codings);
    put_text(&mut concept, "text", text.as_deref().unwrap_or_default());
    (!concept.is_empty()).then_some(Value::Object(concept))
}

/// A FHIR `code`: no blanks but single ones inside.
pub(super) fn code(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Period of a DR (two times), or of validity in other types.
pub(super) fn period(start: &str, end: &str) -> Option<Value> {
    let mut period = Map::new();
    put_text(&mut period, "start", &time::date_time(start).unwrap_or_default());
    put_text(&mut period, "end", &time::date_time(end).unwrap_or_default());
    (!period.is_empty()).then_some(Value::Object(period))
}

/// Sets a member unless the text is empty.
pub(super) fn put_text(object: &mut Map<String, Value>, name: &str, text: &str) {
    if !text.is_empty() {
        object.insert(name.to_owned(), json!(text));
    }
}

/// Sets a member unless there is nothing.
pub(super) fn put(object: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value.into());
    }
}

/// Sets a member unless the list is empty.
pub(super) fn put_list(object: &mut Map<String, Value>, name: &str, list: Vec<impl Into<Value>>) {
    if !list.is_empty() {
        object.insert(name.to_owned(), Value::Array(list.into_iter().map(Into::into).collect()));
    }
}

fn texts(parts: &[std::borrow::Cow<'_, str>]) -> Vec<String> {
    parts.iter().filter(|text| !text.is_empty()).map(ToString::to_string).collect()
}
