//! What a transaction brings, looked at as if it were stored: its conditional entries and references see one another.
//! <https://hl7.org/fhir/R4/http.html#trules>

use std::cell::OnceCell;
use std::rc::Rc;

use fhir::Node;
use search::{Judged, Query, State};

use crate::perform::Context;

/// A resource that a transaction writes; without content when it goes.
pub(super) struct Coming<'a> {
    /// Its type.
    pub type_name: &'a str,
    /// Its logical id.
    pub id: String,
    /// What is to be stored.
    pub resource: Option<Node<'a>>,
    judged: OnceCell<Judged>,
}

impl<'a> Coming<'a> {
    /// A resource on its way.
    pub(super) fn new(type_name: &'a str, id: String, resource: Option<Node<'a>>) -> Coming<'a> {
        Coming { type_name, id, resource, judged: OnceCell::new() }
    }

    /// Whether a search would find it.
    pub(super) fn matches(&self, context: &Context<'_>, query: &Query) -> bool {
        let Some(resource) = self.resource.filter(|_| self.type_name == query.type_name) else { return false };
        let registry = &context.weir.registry();
        let judged = self.judged.get_or_init(|| {
            let json = resource.to_json();
            Judged {
                type_name: self.type_name.to_owned(),
                id: self.id.clone(),
                last_updated: context.weir.now(),
                entries: search::index(&json, registry),
                text: search::full_text(&json, registry),
            }
        });
        query.conditions.iter().all(|one| matches!(search::holds(one, judged, &mut Alone, registry), Ok(true)))
    }
}

/// What is not stored yet is looked at by itself: chains from it lead nowhere.
struct Alone;

impl State for Alone {
    type Error = std::convert::Infallible;

    fn resource(&mut self, _: &str, _: &str) -> Result<Option<Rc<Judged>>, Self::Error> {
        Ok(None)
    }

    fn referrers(&mut self, _: &str, _: u32, _: (&str, &str)) -> Result<Vec<Rc<Judged>>, Self::Error> {
        Ok(Vec::new())
    }

    fn list(&mut self, _: &str) -> Result<Vec<(String, String)>, Self::Error> {
        Ok(Vec::new())
    }
}
