//! Links between the entries of a transaction: what names an entry's `fullUrl` comes to name its resource.
//! <https://hl7.org/fhir/R4/http.html#trules>

use definitions::{Definitions, ElementDef, TypeKind};
use fhir::{Json, Node};

use crate::failure::Failure;

/// Types whose values name resources. A canonical is not among them: it names a definition wherever that is.
const LINK_TYPES: [&str; 4] = ["uri", "url", "oid", "uuid"];

/// Rewrites references, uris and the links and images of narratives for which `target` has an answer.
pub(super) fn rewrite(
    json: Json,
    definitions: &Definitions,
    target: &dyn Fn(&str) -> Option<String>,
) -> Result<Json, Failure> {
    let mut walk = Walk { definitions, target, found: Vec::new() };
    walk.resource(json.root());
    if walk.found.is_empty() {
        return Ok(json);
    }
    let rewritten = fhir::resource::replace_texts(&json, walk.found);
    Json::parse_owned(rewritten).map_err(|_| Failure::internal())
}

struct Walk<'a> {
    definitions: &'a Definitions,
    target: &'a dyn Fn(&str) -> Option<String>,
    found: Vec<(Node<'a>, String)>,
}

impl<'a> Walk<'a> {
    fn resource(&mut self, node: Node<'a>) {
        let definition = node.str("resourceType").and_then(|name| self.definitions.type_named(&name));
        self.members(node, definition.map_or(&[], |definition| definition.elements.as_slice()));
    }

    fn members(&mut self, node: Node<'a>, elements: &'a [ElementDef]) {
        for (key, value) in node.members() {
            let name = key.strip_prefix('_').unwrap_or(&key);
            let found = elements.iter().find_map(|element| Some((element, type_of(element, name)?)));
            for value in value.each() {
                match found {
                    Some((element, code)) => self.value(value, element, code),
                    None => self.unknown(name, value),
                }
            }
        }
    }

    fn value(&mut self, value: Node<'a>, element: &'a ElementDef, code: &str) {
        if let Some(text) = value.as_str() {
            let rewritten = match code {
                "xhtml" => narrative(&text, self.target),
                _ if element.name == "reference" || LINK_TYPES.contains(&code) => (self.target)(&text),
                _ => None,
            };
            self.found.extend(rewritten.map(|text| (value, text)));
            return;
        }
        let children = self.definitions.children(element);
        match self.definitions.type_named(code) {
            _ if !children.is_empty() => self.members(value, children),
            Some(definition) if definition.kind == TypeKind::Resource => self.resource(value),
            Some(definition) => self.members(value, &definition.elements),
            None => {}
        }
    }

    /// Of what R4 does not define, which `warn` lets through, references only.
    fn unknown(&mut self, name: &str, value: Node<'a>) {
        match value.as_str() {
            Some(text) if name == "reference" => self.found.extend((self.target)(&text).map(|text| (value, text))),
            Some(_) => {}
            None => self.members(value, &[]),
        }
    }
}

/// The type that a property name of JSON gives the element; `None` when it is another element's name.
fn type_of<'d>(element: &'d ElementDef, name: &str) -> Option<&'d str> {
    let mut codes = element.types.iter().map(|type_ref| type_ref.code.as_str());
    if element.is_choice {
        return codes.find(|code| element.json_name(code) == name);
    }
    (element.name == name).then(|| codes.next().unwrap_or_default())
}

/// A narrative with its links and images rewritten; `None` when none is.
fn narrative(text: &str, target: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut is_changed) = (text, false);
    while let Some(found) = ["href=", "src="].iter().filter_map(|name| Some(rest.find(name)? + name.len())).min() {
        let (before, after) = rest.split_at(found);
        out.push_str(before);
        rest = after;
        let Some(quote) = after.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else { continue };
        let Some((url, behind)) = after.get(1..).and_then(|inner| inner.split_once(quote)) else { continue };
        if let Some(url) = target(url) {
            is_changed = true;
            out.push_str(&format!("{quote}{url}{quote}"));
            rest = behind;
        }
    }
    out.push_str(rest);
    is_changed.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, expected: &str) {
        let target = |text: &str| (text == "urn:uuid:1").then(|| "Patient/p".to_owned());
        let definitions = Definitions::r4().unwrap_or_else(|error| panic!("{error}"));
        let json = Json::parse(document.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let found = rewrite(json, &definitions, &target).map(|json| json.text().to_owned());
        assert_eq!(found.ok().as_deref(), Some(expected));
    }

    #[test]
    fn references_uris_and_narratives_are_rewritten_and_canonicals_are_not() {
        check(
            r#"{"resourceType":"Observation","subject":{"reference":"urn:uuid:1"},"status":"urn:uuid:1",
                "instantiatesCanonical":["urn:uuid:1"],"contained":[{"resourceType":"Encounter","subject":{"reference":"urn:uuid:1"}}],
                "extension":[{"url":"urn:uuid:1","valueUri":"urn:uuid:1"},{"url":"x","valueString":"urn:uuid:1"}],
                "_status":{"extension":[{"url":"x","valueReference":{"reference":"urn:uuid:1"}}]},
                "component":[{"valueString":"urn:uuid:1","referenceRange":[{"text":"urn:uuid:1"}]}],
                "text":{"div":"<div><a href=\"urn:uuid:1\">urn:uuid:1</a><img src='urn:uuid:1'/><a href=x></a></div>"}}"#,
            r#"{"resourceType":"Observation","subject":{"reference":"Patient/p"},"status":"urn:uuid:1",
                "instantiatesCanonical":["urn:uuid:1"],"contained":[{"resourceType":"Encounter","subject":{"reference":"Patient/p"}}],
                "extension":[{"url":"Patient/p","valueUri":"Patient/p"},{"url":"x","valueString":"urn:uuid:1"}],
                "_status":{"extension":[{"url":"x","valueReference":{"reference":"Patient/p"}}]},
                "component":[{"valueString":"urn:uuid:1","referenceRange":[{"text":"urn:uuid:1"}]}],
                "text":{"div":"<div><a href=\"Patient/p\">urn:uuid:1</a><img src='Patient/p'/><a href=x></a></div>"}}"#,
        );
        check(
            r#"{"resourceType":"Patient","nonsense":{"reference":"urn:uuid:1"}}"#,
            r#"{"resourceType":"Patient","nonsense":{"reference":"Patient/p"}}"#,
        );
        check(r#"{"resourceType":"Patient","active":true}"#, r#"{"resourceType":"Patient","active":true}"#);
    }
}
