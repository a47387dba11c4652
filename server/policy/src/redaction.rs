//! What direct care may not see of a sensitive (S-flagged) person: whereabouts, so address, telecom, general practice and location,
//! and narrative text, which may repeat any of them. What is left keeps its bytes; `meta.security` says REDACTED.

use fhir::{Json, Node};

const REDACTED_LABEL: &str =
    r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED"}"#;

/// Elements that are taken out, by type. `contained` goes too where it could only serve what was taken out.
const ELEMENTS: [(&str, &[&str]); 6] = [
    ("Patient", &["text", "contained", "address", "telecom", "generalPractitioner", "managingOrganization", "photo"]),
    ("RelatedPerson", &["text", "contained", "address", "telecom", "photo"]),
    ("Person", &["text", "contained", "address", "telecom", "managingOrganization", "photo"]),
    ("Encounter", &["text", "location"]),
    ("Location", &["text", "name", "alias", "description", "address", "telecom", "position"]),
    ("Organization", &["text", "address", "telecom"]),
];

/// Elements inside `Patient.contact`.
const CONTACT_ELEMENTS: [&str; 3] = ["address", "telecom", "organization"];

const PARAMS: [(&str, &[&str]); 4] = [
    ("Patient", &["telecom", "phone", "email", "general-practitioner", "organization"]),
    ("RelatedPerson", &["telecom", "phone", "email"]),
    ("Person", &["telecom", "phone", "email", "organization"]),
    ("Encounter", &["location", "location-period"]),
];

/// Says whether a search parameter reads an element that is taken out.
pub(crate) fn is_redacted_param(type_name: &str, param: &str) -> bool {
    if matches!(param, "_text" | "_content" | "location") || param.starts_with("location-") {
        return true;
    }
    PARAMS.iter().any(|(name, params)| {
        let is_address = *name != "Encounter" && (param == "address" || param.starts_with("address-"));
        *name == type_name && (is_address || params.contains(&param))
    })
}

/// Takes out what must not be seen; `None` when the body is not a readable resource.
pub(crate) fn redact(body: &[u8]) -> Option<Vec<u8>> {
    let json = Json::parse(body).ok()?;
    let root = json.root();
    root.is_object().then_some(())?;
    let type_name = root.str("resourceType")?;
    let mut out = String::with_capacity(body.len() + REDACTED_LABEL.len() + 32);
    resource(root, &type_name, true, &mut out);
    Some(out.into_bytes())
}

fn resource(node: Node<'_>, type_name: &str, is_root: bool, out: &mut String) {
    let elements = ELEMENTS.iter().find(|(name, _)| *name == type_name).map_or(&["text"][..], |(_, elements)| elements);
    let mut has_meta = false;
    object(node, out, |key, value, out| {
        let name = key.strip_prefix('_').unwrap_or(key);
        match name {
            "resourceType" if is_root && node.get("meta").is_none() => {
                out.push_str(value.raw());
                out.push_str(&format!(r#","meta":{{"security":[{REDACTED_LABEL}]}}"#));
            }
            "meta" if is_root && !has_meta => {
                has_meta = true;
                meta(value, out);
            }
            "contained" if !elements.contains(&"contained") => contained(value, out),
            "contact" if type_name == "Patient" => contacts(value, out),
            _ if elements.contains(&name) || tells_where(name, value) => return false,
            _ => return rest(value, out),
        }
        true
    });
}

/// Says whether a member tells where somebody is, whatever the type around it: an address or contact point, the general practice, a
/// narrative, a location or a reference to one.
fn tells_where(name: &str, value: Node<'_>) -> bool {
    matches!(name, "address" | "telecom" | "valueAddress" | "valueContactPoint" | "generalPractitioner")
        || name.starts_with("location")
        || is_telling(value)
}

fn is_telling(value: Node<'_>) -> bool {
    let is_location =
        |text: &str| fhir::Reference::parse(text).type_name().is_some_and(|type_name| type_name == "Location");
    let is_to_location = || {
        value.str("type").as_deref() == Some("Location")
            || value.str("reference").is_some_and(|text| is_location(&text))
    };
    value.is_object() && (value.get("div").is_some() || is_to_location())
}

/// Writes a value without what tells where somebody is; `false` when nothing of it is left.
fn rest(value: Node<'_>, out: &mut String) -> bool {
    if value.is_object() {
        object(value, out, |key, value, out| {
            !tells_where(key.strip_prefix('_').unwrap_or(key), value) && rest(value, out)
        });
        return true;
    }
    if !value.is_array() {
        out.push_str(value.raw());
        return true;
    }
    out.push('[');
    let mut kept = 0;
    for item in value.items().filter(|item| !is_telling(*item)) {
        if kept > 0 {
            out.push(',');
        }
        rest(item, out);
        kept += 1;
    }
    out.push(']');
    kept > 0 || value.is_empty()
}

/// Writes an object's members, each by `write`, which answers whether it keeps the member.
fn object(node: Node<'_>, out: &mut String, mut write: impl FnMut(&str, Node<'_>, &mut String) -> bool) {
    out.push('{');
    let mut is_first = true;
    for (key, value) in node.entries() {
        let start = out.len();
        if !is_first {
            out.push(',');
        }
        out.push_str(key.raw());
        out.push(':');
        let name = key.as_str().unwrap_or_default();
        if write(&name, value, out) {
            is_first = false;
        } else {
            out.truncate(start);
        }
    }
    out.push('}');
}

fn array(node: Node<'_>, out: &mut String, mut write: impl FnMut(Node<'_>, &mut String)) {
    out.push('[');
    for (position, item) in node.each().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}

fn contained(node: Node<'_>, out: &mut String) {
    array(node, out, |item, out| {
        let type_name = item.str("resourceType").unwrap_or_default();
        resource(item, &type_name, false, out);
    });
}

fn contacts(node: Node<'_>, out: &mut String) {
    array(node, out, |item, out| {
        object(item, out, |key, value, out| {
            let name = key.strip_prefix('_').unwrap_or(key);
            !CONTACT_ELEMENTS.contains(&name) && !tells_where(name, value) && rest(value, out)
        });
    });
}

fn meta(node: Node<'_>, out: &mut String) {
    let mut has_security = false;
    object(node, out, |key, value, out| {
        if key == "security" {
            has_security = true;
            array(value, out, |label, out| out.push_str(label.raw()));
            out.pop();
            out.push_str(if value.is_empty() { "" } else { "," });
            out.push_str(REDACTED_LABEL);
            out.push(']');
        } else {
            out.push_str(value.raw());
        }
        true
    });
    if !has_security {
        out.pop();
        out.push_str(if node.is_empty() { "" } else { "," });
        out.push_str(&format!(r#""security":[{REDACTED_LABEL}]}}"#));
    }
}
