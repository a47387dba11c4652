//! Links between the entries of a transaction: what names an entry's `fullUrl` comes to name its resource.
//! <https://hl7.org/fhir/R4/http.html#trules>

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;

use definitions::{Definitions, ElementDef, TypeKind};
use fhir::{Json, Node};

use crate::failure::Failure;

/// Types beside `url` whose values name resources. A canonical is not among them: it names a definition wherever that is.
const LINK_TYPES: [&str; 3] = ["uri", "oid", "uuid"];

/// Where a link stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In `Reference.reference`, or in a `url` as that of an Attachment, which is read as a reference is.
    Reference,
    /// In another uri, or in a narrative.
    Text,
    /// In a Bundle that the resource is or holds, whose relative links are its own entries' affair.
    InnerBundle,
}

/// What a link becomes, if anything else than it is.
pub(super) type Target<'t> = dyn Fn(&str, Place) -> Result<Option<String>, Failure> + 't;

/// Rewrites references, uris and the links and images of narratives for which `target` has an answer.
pub(super) fn rewrite(json: Json, definitions: &Definitions, target: &Target<'_>) -> Result<Json, Failure> {
    let found = found(json.root(), definitions, target)?;
    if found.is_empty() {
        return Ok(json);
    }
    let rewritten = fhir::resource::replace_texts(&json, found);
    Json::parse_owned(rewritten).map_err(|_| Failure::internal())
}

/// Asks `target` about every link of a resource.
pub(super) fn check(resource: Node<'_>, definitions: &Definitions, target: &Target<'_>) -> Result<(), Failure> {
    found(resource, definitions, target).map(|_| ())
}

/// A failure of the link of that text, with its place in the resource.
pub(super) fn placed(resource: Node<'_>, definitions: &Definitions, link: &str, failure: Failure) -> Failure {
    let refuse = |text: &str, _| if text == link { Err(failure.clone()) } else { Ok(None) };
    check(resource, definitions, &refuse).err().unwrap_or(failure)
}

/// The links of a resource.
pub(super) fn texts(resource: Node<'_>, definitions: &Definitions) -> Result<HashSet<String>, Failure> {
    let texts = RefCell::new(HashSet::new());
    check(resource, definitions, &|text: &str, _| {
        texts.borrow_mut().insert(text.to_owned());
        Ok(None)
    })?;
    Ok(texts.into_inner())
}

fn found<'a>(
    resource: Node<'a>,
    definitions: &'a Definitions,
    target: &'a Target<'_>,
) -> Result<Vec<(Node<'a>, String)>, Failure> {
    let mut walk = Walk { definitions, target, is_in_bundle: false, found: Vec::new(), steps: Vec::new() };
    match walk.resource(resource) {
        Ok(()) => Ok(walk.found),
        Err(failure) => Err(failure.of_element(&walk.expression(resource))),
    }
}

struct Walk<'a, 't> {
    definitions: &'a Definitions,
    target: &'a Target<'t>,
    is_in_bundle: bool,
    found: Vec<(Node<'a>, String)>,
    /// The way from the resource to where the walk is.
    steps: Vec<Step<'a>>,
}

/// To an element: its name, the type of a choice, and its number in a list.
struct Step<'a> {
    name: Cow<'a, str>,
    choice: Option<&'a str>,
    index: Option<usize>,
}

impl<'a> Walk<'a, '_> {
    fn resource(&mut self, node: Node<'a>) -> Result<(), Failure> {
        let name = node.str("resourceType");
        let definition = name.as_deref().and_then(|name| self.definitions.type_named(name));
        let was_in_bundle = self.is_in_bundle;
        self.is_in_bundle |= name.as_deref() == Some("Bundle");
        self.members(node, definition.map_or(&[], |definition| definition.elements.as_slice()))?;
        self.is_in_bundle = was_in_bundle;
        Ok(())
    }

    fn members(&mut self, node: Node<'a>, elements: &'a [ElementDef]) -> Result<(), Failure> {
        for (key, value) in node.members() {
            let name = key.strip_prefix('_').unwrap_or(&key);
            let found = elements.iter().find_map(|element| Some((element, type_of(element, name)?)));
            for (index, one) in value.each().enumerate() {
                let name = found.map_or_else(|| key.clone(), |(element, _)| Cow::Borrowed(element.name.as_str()));
                let choice = found.filter(|(element, _)| element.is_choice).map(|(_, code)| code);
                self.steps.push(Step { name, choice, index: value.is_array().then_some(index) });
                match found {
                    Some((element, code)) => self.value(one, element, code)?,
                    None => self.unknown(key.strip_prefix('_').unwrap_or(&key), one)?,
                }
                self.steps.pop();
            }
        }
        Ok(())
    }

    /// Where the walk is, as FHIRPath.
    fn expression(&self, resource: Node<'_>) -> String {
        let mut expression = resource.str("resourceType").unwrap_or_default().into_owned();
        for Step { name, choice, index } in &self.steps {
            expression.push_str(&format!(".{name}"));
            expression.extend(choice.map(|code| format!(".ofType({code})")));
            expression.extend(index.map(|index| format!("[{index}]")));
        }
        expression
    }

    fn value(&mut self, value: Node<'a>, element: &'a ElementDef, code: &str) -> Result<(), Failure> {
        if let Some(text) = value.as_str() {
            let rewritten = match code {
                "xhtml" => narrative(&text, &|url| self.ask(url, Place::Text))?,
                _ if element.name == "reference" || code == "url" => self.ask(&text, Place::Reference)?,
                _ if LINK_TYPES.contains(&code) => self.ask(&text, Place::Text)?,
                _ => None,
            };
            self.found.extend(rewritten.map(|text| (value, text)));
            return Ok(());
        }
        let children = self.definitions.children(element);
        match self.definitions.type_named(code) {
            _ if !children.is_empty() => self.members(value, children),
            Some(definition) if definition.kind == TypeKind::Resource => self.resource(value),
            Some(definition) => self.members(value, &definition.elements),
            None => Ok(()),
        }
    }

    /// Of what R4 does not define, which `warn` lets through, references only.
    fn unknown(&mut self, name: &str, value: Node<'a>) -> Result<(), Failure> {
        match value.as_str() {
            Some(text) if name == "reference" => {
                let rewritten = self.ask(&text, Place::Reference)?;
                self.found.extend(rewritten.map(|text| (value, text)));
                Ok(())
            }
            Some(_) => Ok(()),
            None => self.members(value, &[]),
        }
    }

    fn ask(&self, text: &str, place: Place) -> Result<Option<String>, Failure> {
        (self.target)(text, if self.is_in_bundle { Place::InnerBundle } else { place })
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
fn narrative(text: &str, target: &dyn Fn(&str) -> Result<Option<String>, Failure>) -> Result<Option<String>, Failure> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut is_changed) = (text, false);
    while let Some(found) = ["href=", "src="].iter().filter_map(|name| Some(rest.find(name)? + name.len())).min() {
        let (before, after) = rest.split_at(found);
        out.push_str(before);
        rest = after;
        let Some(quote) = after.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else { continue };
        let Some((url, behind)) = after.get(1..).and_then(|inner| inner.split_once(quote)) else { continue };
        if let Some(url) = target(url)? {
            is_changed = true;
            out.push_str(&format!("{quote}{url}{quote}"));
            rest = behind;
        }
    }
    out.push_str(rest);
    Ok(is_changed.then_some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, expected: &str) {
        let target = |text: &str, _: Place| Ok((text == "urn:uuid:1").then(|| "Patient/p".to_owned()));
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
