//! XML to JSON, element by element: what has no place in R4 is refused where it stands, and nothing is left out.
//! <https://hl7.org/fhir/R4/xml.html>

use fhirbolt_shared::FhirReleases;
use fhirbolt_shared::element_map::ElementSet;
use fhirbolt_shared::path::ElementPath;

use crate::xml_namespace::{FHIR, Scope, XHTML, XSI, declared};
use crate::xml_narrative::narrative;
use crate::xml_primitive::Primitive;
use crate::xml_scan::{Document, Fault, Tag, scan, unescaped};

/// What a text was read as.
pub(crate) struct Read {
    pub(crate) json: String,
    /// Where an element comes after one that it must come before, at most one for each element around.
    pub(crate) disorder: Vec<Fault>,
}

/// Reads the resource of a text into JSON, in the order of the definition.
pub(crate) fn read(text: &str) -> Result<Read, Fault> {
    let document = scan(text)?;
    let path = ElementPath::new(FhirReleases::R4);
    let (out, disorder) = (String::with_capacity(text.len()), Vec::new());
    let mut reader = Reader { text, document: &document, scope: Scope::default(), path, out, disorder };
    reader.resource(&document.root)?;
    Ok(Read { json: reader.out, disorder: reader.disorder })
}

struct Reader<'t, 'd> {
    text: &'t str,
    document: &'d Document<'t>,
    scope: Scope<'t>,
    /// Where in the definitions the reader is.
    path: ElementPath,
    out: String,
    disorder: Vec<Fault>,
}

impl<'t> Reader<'t, '_> {
    fn resource(&mut self, tag: &Tag<'t>) -> Result<(), Fault> {
        let name = self.name(tag)?;
        self.path.push(name);
        // Of all types only resources have it.
        let children = self.path.children().filter(|children| children.contains("implicitRules"));
        let Some(children) = children else {
            return Err(Fault::new(tag.start, format!("`{name}` is not a resource of FHIR R4")));
        };
        let before = self.enter(tag, &[])?;
        self.out.push_str("{\"resourceType\":\"");
        self.out.push_str(name);
        self.out.push('"');
        self.members(tag, children)?;
        self.out.push('}');
        self.scope.leave(before);
        self.path.pop();
        Ok(())
    }

    /// An element of a complex type, a resource within another, or what a primitive has beside its value.
    fn object(&mut self, tag: &Tag<'t>) -> Result<(), Fault> {
        if self.path.current_element_is_resource() {
            return self.inner_resource(tag);
        }
        let known: &[&str] = if self.path.current_element_is_extension() { &["id", "url"] } else { &["id"] };
        let children = self.path.children();
        let children = children.ok_or_else(|| Fault::new(tag.start, format!("`{}` is not known here", tag.name)))?;
        let before = self.enter(tag, known)?;
        self.out.push('{');
        for name in known {
            self.attribute(tag, name);
        }
        self.members(tag, children)?;
        self.out.push('}');
        self.scope.leave(before);
        Ok(())
    }

    fn inner_resource(&mut self, tag: &Tag<'t>) -> Result<(), Fault> {
        let before = self.enter(tag, &[])?;
        match tag.children.as_slice() {
            [resource] => self.resource(resource)?,
            [] => return Err(Fault::new(tag.start, format!("`{}` needs a resource", tag.name))),
            [_, other, ..] => {
                return Err(Fault::new(other.start, format!("`{}` holds one resource, not more", tag.name)));
            }
        }
        self.scope.leave(before);
        Ok(())
    }

    /// The elements within a tag, as members of the object that is open.
    fn members(&mut self, tag: &Tag<'t>, known: &'static ElementSet) -> Result<(), Fault> {
        let mut children: Vec<(usize, &Tag<'t>)> = Vec::with_capacity(tag.children.len());
        let (mut last, mut is_ordered): ((usize, &str), bool) = ((0, ""), true);
        for child in &tag.children {
            let name = self.name(child)?;
            let position = known.get_index(name).filter(|_| !self.is_attribute(name, known));
            let position =
                position.ok_or_else(|| Fault::new(child.start, format!("`{name}` is not an element here")))?;
            if position >= last.0 {
                last = (position, name);
            } else if is_ordered {
                is_ordered = false;
                self.disorder.push(Fault::new(child.start, format!("`{name}` must come before `{}`", last.1)));
            }
            children.push((position, child));
        }
        // Stable: elements of one name keep their order.
        children.sort_by_key(|(position, _)| *position);
        for group in children.chunk_by(|(one, _), (other, _)| one == other) {
            let name = group.first().and_then(|(position, _)| known.index(*position)).copied();
            let tags: Vec<&Tag<'t>> = group.iter().map(|(_, tag)| *tag).collect();
            self.path.push(name.unwrap_or_default());
            self.group(name.unwrap_or_default(), &tags)?;
            self.path.pop();
        }
        Ok(())
    }

    /// Whether it is an attribute in XML though a child in the definitions.
    fn is_attribute(&self, name: &str, known: &ElementSet) -> bool {
        let is_resource = known.contains("implicitRules");
        (name == "id" && !is_resource) || (name == "url" && self.path.current_element_is_extension())
    }

    /// The elements of one name, where the path is that of the name.
    fn group(&mut self, name: &str, tags: &[&Tag<'t>]) -> Result<(), Fault> {
        let is_array = self.path.current_element_is_sequence();
        if let Some(second) = tags.get(1).filter(|_| !is_array) {
            return Err(Fault::new(second.start, format!("`{name}` may be there once only")));
        }
        let is_resource = self.path.current_element_is_resource();
        if let Some(tag) = tags.iter().find(|tag| !is_resource && name != "div" && is_bare(tag)) {
            // What it has instead is told first.
            let before = self.enter(tag, &[])?;
            self.scope.leave(before);
            let needed = if self.path.current_element_is_primitive() { "a value or extensions" } else { "content" };
            return Err(Fault::new(tag.start, format!("`{name}` needs {needed}")));
        }
        if self.path.current_element_is_primitive() {
            return self.primitives(name, tags, is_array);
        }
        self.key("", name);
        self.list(tags, is_array, Self::object)
    }

    fn primitives(&mut self, name: &str, tags: &[&Tag<'t>], is_array: bool) -> Result<(), Fault> {
        if name == "div" || tags.iter().any(|tag| tag.attribute("value").is_some()) {
            self.key("", name);
            self.list(tags, is_array, Self::value)?;
        }
        let has_more = |tag: &Tag<'_>| tag.attribute("id").is_some() || !tag.children.is_empty();
        if name != "div" && tags.iter().any(|tag| has_more(tag)) {
            self.key("_", name);
            self.list(tags, is_array, |reader, tag| if has_more(tag) { reader.beside(tag) } else { reader.null() })?;
        }
        Ok(())
    }

    /// The value of a primitive.
    fn value(&mut self, tag: &Tag<'t>) -> Result<(), Fault> {
        if self.path.current_element() == Some("div") {
            let text = narrative(self.text, self.document, tag, &mut self.scope)?;
            self.string(&text);
            return Ok(());
        }
        let before = self.enter(tag, &["id", "value"])?;
        self.scope.leave(before);
        let Some(attribute) = tag.attribute("value") else { return self.null() };
        let value = unescaped(attribute.value);
        match Primitive::at(&self.path).json(&value) {
            Ok(None) => self.string(&value),
            Ok(Some(text)) => self.out.push_str(text),
            Err(expected) => {
                return Err(Fault::new(attribute.start, format!("the value of `{}` must be {expected}", tag.name)));
            }
        }
        Ok(())
    }

    /// What a primitive has beside its value.
    fn beside(&mut self, tag: &Tag<'t>) -> Result<(), Fault> {
        let before = self.enter(tag, &["id", "value"])?;
        self.out.push('{');
        self.attribute(tag, "id");
        let other = tag.children.iter().find(|child| self.name(child).ok() != Some("extension"));
        if let Some(other) = other {
            return Err(Fault::new(other.start, format!("`{}` is not an element here", other.name)));
        }
        if !tag.children.is_empty() {
            self.path.push("extension");
            self.group("extension", &tag.children.iter().collect::<Vec<_>>())?;
            self.path.pop();
        }
        self.out.push('}');
        self.scope.leave(before);
        Ok(())
    }

    fn list(
        &mut self,
        tags: &[&Tag<'t>],
        is_array: bool,
        write: impl Fn(&mut Self, &Tag<'t>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        for (position, tag) in tags.iter().enumerate() {
            if is_array {
                self.out.push(if position == 0 { '[' } else { ',' });
            }
            write(self, tag)?;
        }
        if is_array {
            self.out.push(']');
        }
        Ok(())
    }

    /// Takes what a tag declares, and holds that it has no other attributes than those, and no text.
    fn enter(&mut self, tag: &Tag<'t>, known: &[&str]) -> Result<usize, Fault> {
        let before = self.scope.enter(tag);
        for attribute in &tag.attributes {
            let (namespace, local) = self.scope.of_element(attribute.name);
            // Where a schema lies says nothing of the content.
            let is_hint = namespace == XSI && matches!(local, "schemaLocation" | "noNamespaceSchemaLocation");
            if !is_hint && !known.contains(&attribute.name) && declared(attribute.name).is_none() {
                let reason = format!("`{}` is not an attribute of `{}`", attribute.name, tag.name);
                return Err(Fault::new(attribute.start, reason));
            }
        }
        match tag.text {
            Some(place) => {
                let reason = format!("expected no text in `{}`: a value is an attribute", tag.name);
                Err(Fault::new(place, reason))
            }
            None => Ok(before),
        }
    }

    /// The name of an element, which must be in the namespace that it belongs to.
    fn name(&mut self, tag: &Tag<'t>) -> Result<&'t str, Fault> {
        let before = self.scope.enter(tag);
        let (namespace, name) = self.scope.of_element(tag.name);
        self.scope.leave(before);
        let expected = if name == "div" { XHTML } else { FHIR };
        if namespace != expected {
            return Err(Fault::new(tag.start, format!("`{}` must be in the namespace {expected}", tag.name)));
        }
        Ok(name)
    }

    fn attribute(&mut self, tag: &Tag<'t>, name: &str) {
        if let Some(attribute) = tag.attribute(name) {
            self.key("", name);
            self.string(&unescaped(attribute.value));
        }
    }

    fn key(&mut self, prefix: &str, name: &str) {
        if !self.out.ends_with('{') {
            self.out.push(',');
        }
        self.out.extend(["\"", prefix, name, "\":"]);
    }

    fn string(&mut self, text: &str) {
        self.out.push_str(&serde_json::Value::from(text).to_string());
    }

    fn null(&mut self) -> Result<(), Fault> {
        self.out.push_str("null");
        Ok(())
    }
}

fn is_bare(tag: &Tag<'_>) -> bool {
    tag.children.is_empty() && ["id", "url", "value"].iter().all(|name| tag.attribute(name).is_none())
}
