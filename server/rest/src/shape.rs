//! `_summary` and `_elements`: a part of a released resource, marked as a part. <https://hl7.org/fhir/R4/search.html#summary>
//!
//! What may change the meaning of the rest is never left out: modifier elements stay, whatever is asked.

use bytes::Bytes;
use definitions::{Definitions, ElementDef};
use fhir::{Json, Node};
use search::{Query, Summary};

use crate::failure::Failure;

const SUBSETTED: &str = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#;

/// Which part of a resource is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    summary: Summary,
    /// Of the top level, as `name` or `Patient.name`; empty when all are wanted.
    elements: Vec<String>,
}

impl Shape {
    /// What a search asks for.
    pub(crate) fn of_query(query: &Query) -> Shape {
        Shape { summary: query.summary, elements: query.elements.clone() }
    }

    /// Takes a parameter of a read or history if it is one of these; `type_name` is empty where there are resources of any type.
    pub(crate) fn take(
        &mut self,
        param: &(String, String),
        type_name: &str,
        definitions: &Definitions,
    ) -> Result<bool, Failure> {
        let (name, value) = param;
        match name.as_str() {
            "_summary" => {
                let wrong = || Failure::bad_param(name, "value", Summary::WORDS);
                self.summary = Summary::parse(value).ok_or_else(wrong)?;
            }
            "_elements" => {
                for element in value.split(',') {
                    if !is_element(element, type_name, definitions) {
                        let message = "`_elements` takes names of elements, separated by commas";
                        return Err(Failure::bad_param(name, "value", message));
                    }
                    self.elements.push(element.to_owned());
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether only a number is wanted.
    pub(crate) fn is_count(&self) -> bool {
        self.summary == Summary::Count
    }

    /// Whether it is `_summary=text`.
    pub(crate) fn is_text(&self) -> bool {
        self.summary == Summary::Text
    }

    /// The part of a resource that is wanted.
    pub(crate) fn apply(&self, body: &Bytes, definitions: &Definitions) -> Result<Bytes, Failure> {
        let is_whole = self.elements.is_empty() && matches!(self.summary, Summary::False | Summary::Count);
        // A deletion has no body.
        if is_whole || body.is_empty() {
            return Ok(body.clone());
        }
        let json = Json::parse(body).map_err(|_| Failure::internal())?;
        let root = json.root();
        let type_name = root.str("resourceType").unwrap_or_default();
        let elements = definitions.type_named(&type_name).map_or(&[][..], |definition| &definition.elements);
        let mut out = Vec::with_capacity(body.len() + SUBSETTED.len() + 16);
        object(root, &mut out, |key, value, out| {
            let name = key.strip_prefix('_').unwrap_or(key);
            let element = elements.iter().find(|element| is_named(element, name));
            if key == "meta" {
                out.extend_from_slice(subsetted(value).as_bytes());
                return true;
            }
            let is_wanted = name == "resourceType"
                || name == "id"
                || element.is_some_and(|element| self.keeps(element, &type_name));
            match element {
                _ if !is_wanted => return false,
                Some(element) if self.summary == Summary::True && self.elements.is_empty() => {
                    summary(value, element, definitions, out);
                }
                _ => out.extend_from_slice(value.raw().as_bytes()),
            }
            true
        });
        Ok(out.into())
    }

    fn keeps(&self, element: &ElementDef, type_name: &str) -> bool {
        let name = element.name.as_str();
        if element.min > 0 || matches!(name, "modifierExtension" | "implicitRules") {
            return true;
        }
        if !self.elements.is_empty() {
            let is_asked = |asked: &String| {
                asked == name || asked.split_once('.').is_some_and(|(of, asked)| of == type_name && asked == name)
            };
            return element.is_modifier || self.elements.iter().any(is_asked);
        }
        match self.summary {
            Summary::Text => name == "text",
            Summary::Data => name != "text",
            _ => element.is_summary || element.is_modifier,
        }
    }
}

fn is_element(name: &str, type_name: &str, definitions: &Definitions) -> bool {
    let (of, name) = name.split_once('.').unwrap_or((type_name, name));
    let has = |of: &str| definitions.type_named(of).is_some_and(|definition| definition.child(name).is_some());
    match of {
        "" => definitions.resource_types().iter().any(|of| has(of)),
        _ => (type_name.is_empty() || of == type_name) && has(of),
    }
}

fn is_named(element: &ElementDef, json_name: &str) -> bool {
    if element.is_choice {
        element.types.iter().any(|type_ref| element.json_name(&type_ref.code) == json_name)
    } else {
        element.name == json_name
    }
}

/// Writes the summary of a value: of an element with elements of its own, those that belong to it.
fn summary(value: Node<'_>, element: &ElementDef, definitions: &Definitions, out: &mut Vec<u8>) {
    let children = definitions.children(element);
    if value.is_array() {
        out.push(b'[');
        for (position, item) in value.items().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            summary(item, element, definitions, out);
        }
        out.push(b']');
    } else if children.is_empty() || !value.is_object() {
        out.extend_from_slice(value.raw().as_bytes());
    } else {
        object(value, out, |key, value, out| {
            let name = key.strip_prefix('_').unwrap_or(key);
            let found = children.iter().find(|child| is_named(child, name));
            let found = found.filter(|child| child.is_summary || child.is_modifier || child.min > 0);
            found.inspect(|child| summary(value, child, definitions, out)).is_some()
        });
    }
}

/// Writes an object's members, each by `write`, which answers whether it keeps the member.
fn object(node: Node<'_>, out: &mut Vec<u8>, mut write: impl FnMut(&str, Node<'_>, &mut Vec<u8>) -> bool) {
    out.push(b'{');
    let mut is_first = true;
    for (key, value) in node.entries() {
        let start = out.len();
        if !is_first {
            out.push(b',');
        }
        out.extend_from_slice(key.raw().as_bytes());
        out.push(b':');
        if write(&key.as_str().unwrap_or_default(), value, out) {
            is_first = false;
        } else {
            out.truncate(start);
        }
    }
    out.push(b'}');
}

/// `meta` with the tag that says that this is a part.
fn subsetted(meta: Node<'_>) -> String {
    let raw = meta.raw();
    let tag = meta.get("tag").filter(Node::is_array);
    if tag.is_some_and(|tag| tag.items().any(|tag| tag.str("code").as_deref() == Some("SUBSETTED"))) {
        return raw.to_owned();
    }
    let (end, holder, text) = match tag {
        Some(tag) => (tag.end_offset(), tag, SUBSETTED.to_owned()),
        None => (meta.end_offset(), meta, format!(r#""tag":[{SUBSETTED}]"#)),
    };
    let comma = if holder.is_empty() { "" } else { "," };
    // Before the bracket that ends the list, or the object.
    let (front, back) = raw.split_at_checked(end - meta.offset() - 1).unwrap_or((raw, ""));
    format!("{front}{comma}{text}{back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","meta":{"versionId":"1"},"text":{"status":"empty"},"active":true,
        "modifierExtension":[{"url":"x"}],"name":[{"family":"A"}],"_birthDate":{"id":"b"},"maritalStatus":{"text":"m"},
        "link":[{"other":{"reference":"Patient/2"},"type":"refer","id":"l"}]}"#;

    #[track_caller]
    fn check(body: &str, params: &[(&str, &str)], expected: &str) {
        let definitions = Definitions::r4().unwrap_or_else(|error| panic!("{error}"));
        let mut shape = Shape::default();
        for (name, value) in params {
            let param = ((*name).to_owned(), (*value).to_owned());
            assert_eq!(shape.take(&param, "Patient", &definitions).ok(), Some(true));
        }
        let found = shape.apply(&Bytes::from(body.to_owned()), &definitions).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&found), expected);
    }

    fn with_tag(rest: &str) -> String {
        format!(r#"{{"resourceType":"Patient","id":"p","meta":{{"versionId":"1","tag":[{SUBSETTED}]}},{rest}}}"#)
    }

    #[test]
    fn each_summary_keeps_its_elements_and_the_modifiers() {
        check(PATIENT, &[("_summary", "false")], PATIENT);
        check(
            PATIENT,
            &[("_summary", "true")],
            &with_tag(
                r#""active":true,"modifierExtension":[{"url":"x"}],"name":[{"family":"A"}],"_birthDate":{"id":"b"},"link":[{"other":{"reference":"Patient/2"},"type":"refer"}]"#,
            ),
        );
        check(
            PATIENT,
            &[("_summary", "text")],
            &with_tag(r#""text":{"status":"empty"},"modifierExtension":[{"url":"x"}]"#),
        );
        let data = r#""active":true,"modifierExtension":[{"url":"x"}],"name":[{"family":"A"}],"_birthDate":{"id":"b"},"maritalStatus":{"text":"m"},"link":[{"other":{"reference":"Patient/2"},"type":"refer","id":"l"}]"#;
        check(PATIENT, &[("_summary", "data")], &with_tag(data));
        let asked = r#""active":true,"modifierExtension":[{"url":"x"}],"name":[{"family":"A"}],"maritalStatus":{"text":"m"},"link":[{"other":{"reference":"Patient/2"},"type":"refer","id":"l"}]"#;
        check(PATIENT, &[("_elements", "name,Patient.maritalStatus")], &with_tag(asked));
        // What is required of the type stays.
        let observation = r#"{"resourceType":"Observation","meta":{},"status":"final","code":{"text":"c"},"valueString":"x","note":[]}"#;
        check(
            observation,
            &[("_summary", "text")],
            &format!(
                r#"{{"resourceType":"Observation","meta":{{"tag":[{SUBSETTED}]}},"status":"final","code":{{"text":"c"}}}}"#
            ),
        );
    }

    #[test]
    fn a_tag_that_is_there_stays_and_is_not_doubled() {
        let tagged = |tags: &str| format!(r#"{{"resourceType":"Patient","meta":{{"tag":[{tags}],"versionId":"1"}}}}"#);
        check(&tagged(""), &[("_summary", "data")], &tagged(SUBSETTED));
        check(&tagged(r#"{"code":"x"}"#), &[("_summary", "data")], &tagged(&format!(r#"{{"code":"x"}},{SUBSETTED}"#)));
        check(&tagged(SUBSETTED), &[("_summary", "data")], &tagged(SUBSETTED));
    }
}
