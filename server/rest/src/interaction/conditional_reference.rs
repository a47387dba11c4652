//! References by search inside a transaction (`Patient?identifier=...`): each must mean exactly one resource, of the store or of the
//! transaction itself. <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::HashMap;

use fhir::{Node, Reference};
use store::ExpectedMatches;

use crate::failure::{Failure, Reason};
use crate::interaction::coming::Coming;
use crate::interaction::{criteria, links};
use crate::perform::Context;

/// The conditional references of a transaction.
pub(super) struct ConditionalReferences<'a> {
    coming: &'a [Coming<'a>],
    resolved: HashMap<String, String>,
    expected: Vec<ExpectedMatches>,
}

impl<'a> ConditionalReferences<'a> {
    /// None yet.
    pub(super) fn new(coming: &'a [Coming<'a>]) -> ConditionalReferences<'a> {
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
            let id = self.target(context, &type_name, &query).await;
            let id = id.map_err(|failure| links::placed(resource, &context.weir.definitions, &text, failure))?;
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
