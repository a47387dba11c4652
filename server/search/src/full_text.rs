//! The words of a resource, for `_text` and `_content`. <https://hl7.org/fhir/R4/search.html#content>

use std::collections::{HashMap, HashSet};

use definitions::{Definitions, ElementDef, TypeDef, TypeKind};
use fhir::{Json, Node};

use crate::narrative;
use crate::normalise::normalise;
use crate::registry::Registry;
use crate::walk::choice_key;

/// Most words kept of a resource, in bytes: a letter of fifty pages repeats its words.
const WORDS_MAX_BYTES: usize = 64 * 1024;

/// Longer ones are no words.
const WORD_LENGTH_MAX_BYTES: usize = 64;

/// Folded words, each once, separated by single blanks, in the order in which they first come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FullText {
    /// Of the narrative (`text.div`).
    pub narrative: String,
    /// Of all text that a person would read: the narrative, names, displays, notes; not ids, identifiers, codes, urls, dates and data.
    pub content: String,
}

/// The words of a resource.
pub fn full_text(resource: &Json, registry: &Registry) -> FullText {
    let mut content = Words::default();
    let mut narrative = Words::default();
    if let Some(div) = resource.root().at(&["text", "div"]).and_then(|div| div.as_str()) {
        narrative.add(&narrative::text(&div));
    }
    walk(resource.root(), None, &registry.text_plan, &mut content);
    FullText { narrative: narrative.text, content: content.text }
}

/// What a member of an object leads to.
#[derive(Clone, Copy)]
enum Step {
    /// A text.
    Text,
    /// A narrative in XHTML.
    Narrative,
    /// An object of the structure at that place.
    Inner(usize),
    /// A resource, which names its own type.
    Resource,
}

/// For every structure of the definitions, the members that lead to text.
pub(crate) struct TextPlan {
    of_type: HashMap<String, usize>,
    structures: Vec<HashMap<String, Step>>,
}

fn walk(node: Node<'_>, structure: Option<usize>, plan: &TextPlan, words: &mut Words) {
    let structure = structure.or_else(|| plan.of_type.get(&*node.str("resourceType")?).copied());
    let Some(steps) = structure.and_then(|at| plan.structures.get(at)) else { return };
    for (name, value) in node.members() {
        let Some(step) = steps.get(&*name) else { continue };
        for value in value.each() {
            match step {
                Step::Text => words.add(&value.as_str().unwrap_or_default()),
                Step::Narrative => words.add(&narrative::text(&value.as_str().unwrap_or_default())),
                Step::Inner(structure) => walk(value, Some(*structure), plan, words),
                Step::Resource => walk(value, None, plan, words),
            }
        }
    }
}

impl TextPlan {
    pub(crate) fn new(definitions: &Definitions) -> TextPlan {
        let mut plan = TextPlan { of_type: HashMap::new(), structures: Vec::new() };
        let mut types: Vec<&TypeDef> = definitions.types().filter(|t| t.kind != TypeKind::Primitive).collect();
        types.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        for found in &types {
            plan.of_type.insert(found.name.clone(), plan.structures.len());
            plan.structures.push(HashMap::new());
        }
        // Elements whose children are elsewhere (`Bundle.entry.link`) are tied when all structures are known.
        let mut paths = HashMap::new();
        let mut open = Vec::new();
        for found in &types {
            let Some(&at) = plan.of_type.get(&found.name) else { continue };
            plan.fill(at, &found.elements, &mut paths, &mut open);
        }
        for (at, name, path) in open {
            if let (Some(&target), Some(steps)) = (paths.get(&path), plan.structures.get_mut(at)) {
                steps.insert(name, Step::Inner(target));
            }
        }
        plan
    }

    fn fill(
        &mut self,
        at: usize,
        elements: &[ElementDef],
        paths: &mut HashMap<String, usize>,
        open: &mut Vec<(usize, String, String)>,
    ) {
        for element in elements {
            if let Some(path) = &element.content_reference {
                open.push((at, element.name.clone(), path.clone()));
                continue;
            }
            if !element.children.is_empty() {
                let inner = self.structures.len();
                self.structures.push(HashMap::new());
                paths.insert(element.path.clone(), inner);
                self.insert(at, element.name.clone(), Step::Inner(inner));
                self.fill(inner, &element.children, paths, open);
                continue;
            }
            for code in element.types.iter().map(|t| t.code.as_str()) {
                let Some(step) = self.step(code, &element.path) else { continue };
                let name =
                    if element.is_choice { choice_key(&element.name, code).into_owned() } else { element.name.clone() };
                self.insert(at, name, step);
            }
        }
    }

    fn insert(&mut self, at: usize, name: String, step: Step) {
        if let Some(steps) = self.structures.get_mut(at) {
            steps.insert(name, step);
        }
    }

    fn step(&self, code: &str, path: &str) -> Option<Step> {
        match code {
            // What a machine compares, though its type is a string.
            "string" if matches!(path, "Identifier.value" | "Reference.reference") => None,
            "string" | "markdown" => Some(Step::Text),
            "xhtml" => Some(Step::Narrative),
            "Resource" => Some(Step::Resource),
            _ => self.of_type.get(code).map(|&at| Step::Inner(at)),
        }
    }
}

#[derive(Default)]
struct Words {
    seen: HashSet<Box<str>>,
    text: String,
    is_full: bool,
}

impl Words {
    fn add(&mut self, text: &str) {
        if text.is_empty() || self.is_full {
            return;
        }
        for word in normalise(text).split(' ').filter(|word| (1..=WORD_LENGTH_MAX_BYTES).contains(&word.len())) {
            if self.text.len() + word.len() >= WORDS_MAX_BYTES {
                self.is_full = true;
                return;
            }
            if !self.seen.contains(word) {
                self.seen.insert(word.into());
                if !self.text.is_empty() {
                    self.text.push(' ');
                }
                self.text.push_str(word);
            }
        }
    }
}
