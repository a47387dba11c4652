//! What `htmlChecks()` lets pass as a narrative. <https://hl7.org/fhir/R4/narrative.html#xhtml>

/// The elements that a narrative may have: chapters 7 to 11 and 15 of HTML 4.0 without those that act or load, and the few more of browsers
/// that the reference validator accepts.
pub const NARRATIVE_ELEMENTS: [&str; 60] = [
    "p",
    "br",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "a",
    "span",
    "b",
    "em",
    "i",
    "strong",
    "small",
    "big",
    "tt",
    "dfn",
    "q",
    "var",
    "abbr",
    "acronym",
    "cite",
    "blockquote",
    "hr",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "pre",
    "table",
    "caption",
    "colgroup",
    "col",
    "thead",
    "tr",
    "tfoot",
    "tbody",
    "th",
    "td",
    "code",
    "samp",
    "img",
    "map",
    "area",
    "kbd",
    "address",
    "sub",
    "sup",
    "s",
    "del",
    "ins",
    "u",
    "bdo",
    "center",
    "strike",
    "font",
];
/// The attributes that its elements may have, beside declarations of namespaces.
pub const NARRATIVE_ATTRIBUTES: [&str; 41] = [
    "title",
    "style",
    "class",
    "id",
    "idref",
    "lang",
    "xml:lang",
    "dir",
    "accesskey",
    "href",
    "name",
    "rel",
    "target",
    "src",
    "alt",
    "width",
    "height",
    "usemap",
    "border",
    "colspan",
    "rowspan",
    "align",
    "valign",
    "cellpadding",
    "cellspacing",
    "summary",
    "abbr",
    "axis",
    "headers",
    "scope",
    "span",
    "shape",
    "coords",
    "nohref",
    "cite",
    "charoff",
    "char",
    "frame",
    "rules",
    "bgcolor",
    "type",
];
/// Elements that have no content.
const VOID: [&str; 4] = ["br", "hr", "img", "col"];
/// Nesting of elements.
const DEPTH_MAX: usize = 200;

/// Whether the text is one `div` of well-formed XHTML with elements of basic formatting only, nothing that runs, and some content.
pub(super) fn is_narrative(text: &str) -> bool {
    let mut scan = Scan { rest: text.trim(), open: Vec::new(), has_content: false };
    let mut is_first = true;
    while !scan.rest.is_empty() {
        // One root, and it is a div.
        let is_at_root = scan.open.is_empty();
        if is_at_root && !(is_first && scan.rest.starts_with("<div")) {
            return false;
        }
        is_first = false;
        if scan.step().is_none() {
            return false;
        }
    }
    scan.open.is_empty() && !is_first && scan.has_content
}

struct Scan<'t> {
    rest: &'t str,
    open: Vec<&'t str>,
    has_content: bool,
}

impl<'t> Scan<'t> {
    /// Takes a tag, a comment or a text.
    fn step(&mut self) -> Option<()> {
        if let Some(comment) = self.rest.strip_prefix("<!--") {
            self.rest = comment.split_once("-->")?.1;
            return Some(());
        }
        if let Some(closing) = self.rest.strip_prefix("</") {
            let (name, rest) = closing.split_once('>')?;
            self.rest = rest;
            return (self.open.pop()? == name.trim_end()).then_some(());
        }
        if let Some(tag) = self.rest.strip_prefix('<') {
            return self.tag(tag);
        }
        let end = self.rest.find('<').unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.has_content |= !text.trim().is_empty();
        self.rest = rest;
        Some(())
    }

    fn tag(&mut self, tag: &'t str) -> Option<()> {
        let end = tag.find(|c: char| !c.is_ascii_alphanumeric())?;
        let (name, mut rest) = tag.split_at_checked(end)?;
        if !NARRATIVE_ELEMENTS.contains(&name) || self.open.len() >= DEPTH_MAX {
            return None;
        }
        self.has_content |= name == "img";
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                self.rest = after;
                return Some(());
            }
            if let Some(after) = rest.strip_prefix('>') {
                self.rest = after;
                self.open.push(name);
                // Without its end a void element is no XML.
                return (!VOID.contains(&name) || after.trim_start().starts_with("</")).then_some(());
            }
            rest = attribute(rest)?;
        }
    }
}

/// What follows an attribute that is allowed: one between quotes, and none that runs code.
fn attribute(text: &str) -> Option<&str> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim_end();
    let value = value.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, rest) = value.get(1..)?.split_once(quote)?;
    let is_known = NARRATIVE_ATTRIBUTES.contains(&name) || name == "xmlns" || name.starts_with("xmlns:");
    let runs = value.to_ascii_lowercase().contains("javascript:");
    (is_known && !runs && !value.contains('<')).then_some(rest)
}
