//! A QuestionnaireResponse held against its Questionnaire: which items may stand where, which must.
//! <https://hl7.org/fhir/R4/questionnaireresponse.html#notes>

use std::collections::BTreeMap;

use fhir::{Node, Severity};

use crate::enable_when::is_enabled;
use crate::form::Form;
use crate::questionnaire_answer::extensions;
use crate::walk::{Place, Walk, shown};

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Finds the Questionnaire and holds the response against it.
    pub(crate) fn questionnaire_response(&mut self, place: Place<'_, 'a>) {
        let Some(url) = place.node.str("questionnaire") else {
            return self.report(Severity::Information, place, "informational", || {
                "no questionnaire is named, so the answers were not held against one".to_owned()
            });
        };
        let found = match url.strip_prefix('#') {
            Some(id) => self.around.contained(self.container, id),
            None => self.around.entry(&url).or_else(|| self.around.validator.resource(&url)),
        };
        let step = place.path.child("questionnaire");
        let at_url = Place { path: &step, ..place };
        match found {
            Some(found) if found.str("resourceType").as_deref() != Some("Questionnaire") => {
                let own = found.str("resourceType").unwrap_or_default();
                self.error(at_url, "invalid", || format!("found a `{}`, expected a Questionnaire", shown(&own)));
            }
            Some(questionnaire) => {
                let is_in_progress = place.node.str("status").as_deref() == Some("in-progress");
                let form = Form::new(self.around.questionnaire(questionnaire), place.node, is_in_progress);
                self.answered_items(place, questionnaire, place.node, &form);
            }
            None => self.report(Severity::Warning, at_url, "not-found", || {
                format!(
                    "the questionnaire `{}` is not known here, so the answers were not held against it",
                    shown(&url)
                )
            }),
        }
    }

    /// Holds the items below `parent` against those that the Questionnaire has there.
    fn answered_items(&mut self, place: Place<'_, 'a>, asked_parent: Node<'a>, parent: Node<'a>, form: &Form<'a>) {
        let asked = form.questionnaire.below(asked_parent, &self.around.budget);
        // What is not asked for and not given needs no look: a group may be repeated often.
        let mut given: BTreeMap<usize, Vec<(usize, Node<'a>)>> = BTreeMap::new();
        if self.around.budget.spend(asked.required.len()) {
            given.extend(asked.required.iter().map(|position| (*position, Vec::new())));
        } else {
            self.note_costly(place, "answers that are required and missing");
        }
        let mut last = 0;
        for (index, item) in list(parent, "item").enumerate() {
            let step = place.path.child("item").at(index);
            let place = Place { node: item, path: &step, rule: place.rule };
            // Its absence is an error of cardinality already.
            let Some(link_id) = item.str("linkId") else { continue };
            let Some(position) = asked.positions.get(&link_id).copied() else {
                let is_elsewhere = form.questionnaire.has_item(&link_id);
                self.error(place, "structure", || match is_elsewhere {
                    true => format!("the item `{}` stands in the wrong place", shown(&link_id)),
                    false => format!("the questionnaire has no item `{}`", shown(&link_id)),
                });
                continue;
            };
            if position < last {
                self.error(place, "structure", || {
                    format!("the item `{}` is out of the questionnaire's order", shown(&link_id))
                });
            }
            last = position;
            given.entry(position).or_default().push((index, item));
        }
        for (position, given) in given {
            if let Some(asked) = asked.items.get(position) {
                self.answered_item(place, *asked, &given, form);
            }
        }
    }

    fn answered_item(&mut self, place: Place<'_, 'a>, asked: Node<'a>, given: &[(usize, Node<'a>)], form: &Form<'a>) {
        let link_id = asked.str("linkId").unwrap_or_default();
        let is_required = truth(asked, "required");
        let is_enabled = is_enabled(asked, form, &self.around.budget);
        if is_enabled.is_none() {
            self.note_costly(place, "conditions that enable items");
        }
        if given.is_empty() {
            if is_required && is_enabled == Some(true) {
                self.missing_answer(place, &link_id, form);
            }
            return;
        }
        let is_group = asked.str("type").as_deref() == Some("group");
        if given.len() > 1 && !truth(asked, "repeats") {
            self.error(place, "structure", || format!("the item `{}` may be given once only", shown(&link_id)));
        }
        if is_group {
            self.occurrences(place, asked, given.len());
        }
        for (index, item) in given {
            let step = place.path.child("item").at(*index);
            let place = Place { node: *item, path: &step, rule: place.rule };
            if is_enabled == Some(false) && (item.get("answer").is_some() || item.get("item").is_some()) {
                self.error(place, "structure", || {
                    format!("the item `{}` is answered though its conditions do not enable it", shown(&link_id))
                });
            }
            let text = item.str("text").filter(|text| !text.is_empty());
            if let (Some(text), Some(wanted)) = (text, asked.str("text"))
                && text != wanted
            {
                self.error(place, "invalid", || {
                    format!("the text of the item `{}` is not that of the questionnaire", shown(&link_id))
                });
            }
            if !is_group && is_required && is_enabled == Some(true) && item.get("answer").is_none() {
                self.missing_answer(place, &link_id, form);
            }
            self.item_by_type(place, asked, form);
        }
    }

    /// Holds the number of answers, or of a group's repetitions, against the limits that extensions set.
    fn occurrences(&mut self, place: Place<'_, 'a>, asked: Node<'a>, count: usize) {
        let limit = |name: &str| {
            let limit = extensions(asked, name).next().and_then(|limit| limit.as_i64());
            limit.and_then(|limit| usize::try_from(limit).ok())
        };
        if let Some(min) = limit("questionnaire-minOccurs").filter(|min| count < *min) {
            self.error(place, "required", || format!("found {count} answers, at least {min} are required"));
        }
        if let Some(max) = limit("questionnaire-maxOccurs").filter(|max| count > *max) {
            self.error(place, "structure", || format!("found {count} answers, at most {max} are allowed"));
        }
    }

    fn missing_answer(&mut self, place: Place<'_, 'a>, link_id: &str, form: &Form<'a>) {
        let severity = if form.is_in_progress { Severity::Warning } else { Severity::Error };
        self.report(severity, place, "required", || format!("the required item `{}` has no answer", shown(link_id)));
    }

    fn item_by_type(&mut self, place: Place<'_, 'a>, asked: Node<'a>, form: &Form<'a>) {
        let link_id = asked.str("linkId").unwrap_or_default();
        let type_code = asked.str("type").unwrap_or_default();
        let answers: Vec<Node<'a>> = list(place.node, "answer").collect();
        let has_items = place.node.get("item").is_some();
        if matches!(&*type_code, "group" | "display" | "question") && !answers.is_empty() {
            self.error(place, "structure", || format!("an item of type `{type_code}` takes no answers"));
        }
        match &*type_code {
            "group" => return self.answered_items(place, asked, place.node, form),
            "display" if has_items => {
                self.error(place, "structure", || "an item of type `display` takes no items".to_owned());
            }
            _ if has_items => self.error(place, "structure", || {
                format!("the items below `{}` belong below its answer, since it is no group", shown(&link_id))
            }),
            _ => {}
        }
        if answers.len() > 1 && !truth(asked, "repeats") {
            self.error(place, "structure", || format!("the item `{}` takes one answer only", shown(&link_id)));
        }
        self.occurrences(place, asked, answers.len());
        if matches!(&*type_code, "display" | "question") {
            return;
        }
        for (index, answer) in answers.iter().enumerate() {
            let step = place.path.child("answer").at(index);
            let place = Place { node: *answer, path: &step, rule: place.rule };
            self.answer_value(place, asked, &type_code, form);
            if asked.get("item").is_some() || answer.get("item").is_some() {
                self.answered_items(place, asked, *answer, form);
            }
        }
    }
}

/// Lists the objects under a property.
pub(crate) fn list<'n>(node: Node<'n>, name: &str) -> impl Iterator<Item = Node<'n>> + use<'n> {
    node.get(name).into_iter().flat_map(|list| list.items()).filter(Node::is_object)
}

/// Says whether a property is true.
pub(crate) fn truth(node: Node<'_>, name: &str) -> bool {
    node.get(name).and_then(|value| value.as_bool()) == Some(true)
}
