//! The XHTML of a narrative as it stands on its own: <https://hl7.org/fhir/R4/narrative.html>.

use std::borrow::Cow;

use crate::splice::Splice;
use crate::xml_namespace::{Scope, XHTML, declared};
use crate::xml_scan::{Document, Fault, Tag, scan};

/// Holds that the narrative of a resource in JSON is one well-formed `div`, and gives it as it can stand in XML: without the one entity of HTML
/// that is common.
pub(crate) fn check_narrative(text: &str) -> Result<Cow<'_, str>, Fault> {
    let text = text.trim();
    if text.contains("&nbsp;") {
        return check_narrative(&text.replace("&nbsp;", "&#160;")).map(|text| Cow::Owned(text.into_owned()));
    }
    let document = scan(text)?;
    if document.root.start != 0 || document.root.end != text.len() {
        return Err(Fault::new(0, "expected a `div`"));
    }
    narrative(text, &document, &document.root, &mut Scope::of(XHTML))
}

/// Gives the text of the `div` of a document: as it is, but that its own tag says the namespace and no prefix is needed.
pub(crate) fn narrative<'t>(
    text: &'t str,
    document: &Document<'_>,
    div: &Tag<'t>,
    scope: &mut Scope<'t>,
) -> Result<Cow<'t, str>, Fault> {
    let instruction = document.instructions.partition_point(|place| *place < div.start);
    if let Some(place) = document.instructions.get(instruction).filter(|place| **place < div.end) {
        return Err(Fault::new(*place, "expected no processing instruction"));
    }
    let own = text.get(div.start..div.end).unwrap_or_default();
    let mut splice = Splice::default();
    if !tags(div, div, scope, &mut splice)? {
        return Ok(Cow::Borrowed(own));
    }
    Ok(Cow::Owned(String::from_utf8(splice.apply(own)).unwrap_or_default()))
}

/// Holds that a tag and all within are in the namespace, and notes what must change; whether anything must.
fn tags<'t>(tag: &Tag<'t>, div: &Tag<'t>, scope: &mut Scope<'t>, splice: &mut Splice) -> Result<bool, Fault> {
    let before = scope.enter(tag);
    let (namespace, local) = scope.of_element(tag.name);
    let is_div = std::ptr::eq(tag, div);
    if is_div && local != "div" {
        return Err(Fault::new(tag.start, "expected a `div`"));
    }
    if namespace != XHTML {
        return Err(Fault::new(tag.start, format!("`{}` must be in the namespace {XHTML}", tag.name)));
    }
    for attribute in &tag.attributes {
        let is_foreign = attribute.name.contains(':') && !attribute.name.starts_with("xml:");
        if is_foreign && declared(attribute.name).is_none() {
            let reason = format!("`{}` is not an attribute of `{}` in a narrative", attribute.name, tag.name);
            return Err(Fault::new(attribute.start, reason));
        }
    }
    let prefix = tag.name.len() - local.len();
    let own = tag.attribute("xmlns");
    let needs_namespace = own.is_none_or(|own| own.value != XHTML) && (is_div || own.is_some());
    let mut is_changed = prefix > 0 || needs_namespace;
    // Places are those in the text of the `div`.
    let name = tag.start + 1 - div.start;
    if prefix > 0 {
        splice.replace(name..name + prefix, String::new());
    }
    match own {
        // A default of another namespace, of which nothing here is.
        Some(own) if needs_namespace => {
            let value = own.value_start - div.start;
            splice.replace(value..value + own.value.len(), XHTML.to_owned());
        }
        None if needs_namespace => splice.insert(name + tag.name.len(), format!(" xmlns=\"{XHTML}\"")),
        _ => {}
    }
    for child in &tag.children {
        is_changed |= tags(child, div, scope, splice)?;
    }
    if prefix > 0 && tag.close > tag.start {
        let name = tag.close + 2 - div.start;
        splice.replace(name..name + prefix, String::new());
    }
    scope.leave(before);
    Ok(is_changed)
}
