//! A Questionnaire and a response to it, with what is looked up for every item of the response.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use fhir::Node;

use crate::cost::Budget;
use crate::enable_when::value;
use crate::questionnaire_response::{list, truth};

/// A response and the Questionnaire that it is held against.
pub(crate) struct Form<'q> {
    pub(crate) questionnaire: Rc<Questionnaire<'q>>,
    /// The response as a whole, in which conditions look for answers.
    pub(crate) response: Node<'q>,
    /// What is missing is no error yet.
    pub(crate) is_in_progress: bool,
    answers: OnceCell<HashMap<Cow<'q, str>, Vec<Node<'q>>>>,
}

/// A Questionnaire with what is looked up in it: many responses may be held against one.
#[derive(Debug)]
pub(crate) struct Questionnaire<'q> {
    pub(crate) node: Node<'q>,
    /// The items below an item of the form, by its place.
    below: RefCell<HashMap<u32, Rc<Below<'q>>>>,
    link_ids: OnceCell<HashSet<Cow<'q, str>>>,
}

/// The items at one place of a form.
#[derive(Debug)]
pub(crate) struct Below<'q> {
    pub(crate) items: Vec<Node<'q>>,
    /// Where the item with a linkId stands among them.
    pub(crate) positions: HashMap<Cow<'q, str>, usize>,
    /// Where those stand that must be answered.
    pub(crate) required: Vec<usize>,
}

impl<'q> Questionnaire<'q> {
    pub(crate) fn new(node: Node<'q>) -> Self {
        Self { node, below: RefCell::default(), link_ids: OnceCell::new() }
    }

    /// Gives the items below an item of the form, or at its top; gathering them counts.
    pub(crate) fn below(&self, parent: Node<'q>, budget: &Budget) -> Rc<Below<'q>> {
        let mut known = self.below.borrow_mut();
        Rc::clone(known.entry(parent.index()).or_insert_with(|| {
            let below = Below::new(parent);
            budget.spend(below.items.len());
            Rc::new(below)
        }))
    }

    /// Says whether the form has an item anywhere.
    pub(crate) fn has_item(&self, link_id: &str) -> bool {
        let link_ids = self.link_ids.get_or_init(|| {
            let mut found = HashSet::new();
            gather_link_ids(self.node, &mut found);
            found
        });
        link_ids.contains(link_id)
    }
}

impl<'q> Form<'q> {
    pub(crate) fn new(questionnaire: Rc<Questionnaire<'q>>, response: Node<'q>, is_in_progress: bool) -> Self {
        Self { questionnaire, response, is_in_progress, answers: OnceCell::new() }
    }

    /// Gives the answers to a question wherever it stands in the response.
    pub(crate) fn answers(&self, link_id: &str) -> &[Node<'q>] {
        let answers = self.answers.get_or_init(|| {
            let mut found = HashMap::new();
            gather_answers(self.response, &mut found);
            found
        });
        answers.get(link_id).map(Vec::as_slice).unwrap_or_default()
    }
}

impl<'q> Below<'q> {
    fn new(parent: Node<'q>) -> Self {
        let items: Vec<Node<'q>> = list(parent, "item").collect();
        let mut positions = HashMap::with_capacity(items.len());
        let mut required = Vec::new();
        for (position, item) in items.iter().enumerate() {
            if let Some(link_id) = item.str("linkId") {
                positions.entry(link_id).or_insert(position);
            }
            if truth(*item, "required") {
                required.push(position);
            }
        }
        Self { items, positions, required }
    }
}

fn gather_link_ids<'q>(parent: Node<'q>, found: &mut HashSet<Cow<'q, str>>) {
    for item in list(parent, "item") {
        found.extend(item.str("linkId"));
        gather_link_ids(item, found);
    }
}

fn gather_answers<'q>(parent: Node<'q>, found: &mut HashMap<Cow<'q, str>, Vec<Node<'q>>>) {
    for item in list(parent, "item") {
        let link_id = item.str("linkId");
        for answer in list(item, "answer") {
            if let (Some(link_id), Some(value)) = (&link_id, value(answer, "value")) {
                found.entry(link_id.clone()).or_default().push(value);
            }
            gather_answers(answer, found);
        }
        gather_answers(item, found);
    }
}
