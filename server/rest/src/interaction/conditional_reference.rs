//! References by search inside a transaction (`Patient?identifier=...`): each must mean exactly one resource, of the store or of the
//! transaction itself. <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::HashMap;
use std::rc::Rc;

use fhir::{Json, Node, Reference};
use search::{Judged, Query, State};
use store::ExpectedMatches;

use crate::failure::{Failure, Reason};
use crate::interaction::criteria;
use crate::perform::Context;

/// A resource that the transaction writes; without content when it goes or is patched.
pub(super) struct Coming<'a> {
    pub type_name: &'a str,
    pub id: String,
    pub resource: Option<Node<'a>>,
}

/// The conditional references of a transaction.
pub(super) struct ConditionalReferences<'a> {
    coming: Vec<Coming<'a>>,
    resolved: HashMap<String, String>,
    expected: Vec<ExpectedMatches>,
}

impl<'a> ConditionalReferences<'a> {
    /// None yet.
    pub(super) fn new(coming: Vec<Coming<'a>>) -> ConditionalReferences<'a> {
        ConditionalReferences { coming, resolved: HashMap::new(), expected: Vec::new() }
    }

    /// Resolves those of one resource.
    pub(super) async fn resolve(&mut self, context: &Context<'_>, resource: Node<'_>) -> Result<(), Failure> {
        for node in fhir::resource::references_of(resource) {
            let Some(text) = node.as_str() else { continue };
            let Reference::Conditional { type_name, query } = Reference::parse(&text) else { continue };
            if self.resolved.contains_key(&*text) {
                continue;
            }
            let id = self.target(context, &type_name, &query).await?;
            self.resolved.insert(text.into_owned(), format!("{type_name}/{id}"));
        }
        Ok(())
    }

    /// What each text means, and what must still be so when the transaction is written.
    pub(super) fn finish(self) -> (HashMap<String, String>, Vec<ExpectedMatches>) {
        (self.resolved, self.expected)
    }

    async fn target(&mut self, context: &Context<'_>, type_name: &str, text: &str) -> Result<String, Failure> {
        let query = criteria::criteria_of(context, type_name, text)?.query;
        let written: Vec<&Coming<'_>> = self.coming.iter().filter(|one| one.type_name == type_name).collect();
        let most = u32::try_from(written.len()).unwrap_or(u32::MAX).saturating_add(1);
        let stored = criteria::find_of(context, type_name, text, most).await?;
        let is_written = |id: &String| written.iter().any(|one| one.id == *id);
        let mut found: Vec<String> = stored.ids.into_iter().filter(|id| !is_written(id)).collect();
        found.extend(written.iter().filter(|one| one.matches(context, &query)).map(|one| one.id.clone()));
        self.expected.extend(stored.expected);
        let refused = |code, message: &str| Err(Failure::new(Reason::PreconditionFailed, code, message));
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => refused("not-found", "a conditional reference of the resource matches nothing"),
            _ => refused("multiple-matches", "a conditional reference of the resource matches several resources"),
        }
    }
}

impl Coming<'_> {
    fn matches(&self, context: &Context<'_>, query: &Query) -> bool {
        let json = self.resource.and_then(|resource| Json::parse(resource.raw().as_bytes()).ok());
        let Some(json) = json else { return false };
        let registry = &context.weir.registry();
        let judged = Judged {
            type_name: query.type_name.clone(),
            id: self.id.clone(),
            last_updated: context.weir.now(),
            entries: search::index(&json, registry),
            text: search::full_text(&json, registry),
        };
        query.conditions.iter().all(|one| matches!(search::holds(one, &judged, &mut Alone, registry), Ok(true)))
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
