//! Rules on a Questionnaire: <https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen>.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use fhir::{Node, Severity};

use crate::questionnaire_response::list;
use crate::walk::{Place, Walk, shown};

/// The places of a form's items in the order of the text.
#[derive(Default)]
struct Items<'a> {
    by_link_id: HashMap<Cow<'a, str>, usize>,
    count: usize,
}

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds the conditions of a form's items against the items that they name.
    pub(crate) fn questionnaire(&mut self, place: Place<'_, 'a>) {
        let mut items = Items::default();
        items.gather(place.node);
        self.conditions(place, &items, &mut 0);
    }

    fn conditions(&mut self, place: Place<'_, 'a>, items: &Items<'a>, position: &mut usize) {
        for (index, item) in list(place.node, "item").enumerate() {
            let step = place.path.child("item").at(index);
            let place = Place { node: item, path: &step, rule: place.rule };
            let own = *position;
            *position += 1;
            self.conditions(place, items, position);
            for (index, condition) in list(item, "enableWhen").enumerate() {
                let step = step.child("enableWhen").at(index);
                let place = Place { node: condition, path: &step, rule: place.rule };
                self.condition(place, items, own..*position);
            }
        }
    }

    /// Holds a condition against the question that it names; `own` are the places of the item that has the condition and of those below it.
    fn condition(&mut self, place: Place<'_, 'a>, items: &Items<'a>, own: Range<usize>) {
        // Its absence is an error of cardinality already.
        let Some(question) = place.node.str("question") else { return };
        let fault = match items.by_link_id.get(&question).copied() {
            None => format!("there is no item `{}` in this form", shown(&question)),
            Some(asked) if asked == own.start => "the condition of an item must not ask for the item itself".to_owned(),
            Some(asked) if own.contains(&asked) => {
                format!("the condition of an item must not ask for `{}`, which is below it", shown(&question))
            }
            Some(asked) if asked > own.start => {
                return self.report(Severity::Warning, place, "business-rule", || {
                    format!("the condition asks for `{}`, which comes later in the form", shown(&question))
                });
            }
            Some(_) => return,
        };
        self.error(place, "business-rule", || fault);
    }
}

impl<'a> Items<'a> {
    fn gather(&mut self, parent: Node<'a>) {
        for item in list(parent, "item") {
            if let Some(link_id) = item.str("linkId") {
                self.by_link_id.entry(link_id).or_insert(self.count);
            }
            self.count += 1;
            self.gather(item);
        }
    }
}
