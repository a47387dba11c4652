//! Answers conditions in memory: for states of the store that its index does not hold any more.

use std::rc::Rc;

use fhir::{FhirId, Instant};

use crate::full_text::FullText;
use crate::index::{IndexEntry, IndexValue};
use crate::matches::matches;
use crate::query::{Chain, Condition, FilterParam, Has, Target, Words};
use crate::registry::Registry;

/// A resource in the state that is judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its type.
    pub type_name: String,
    /// Its logical id.
    pub id: String,
    /// When the version was written.
    pub last_updated: Instant,
    /// What search finds in it.
    pub entries: Vec<IndexEntry>,
    /// Its words.
    pub text: FullText,
}

/// A state of the store, as far as the caller may see it.
pub trait State {
    /// What a look can fail with.
    type Error;

    /// The resource of that name; `None` when it is not there.
    fn resource(&mut self, type_name: &str, id: &str) -> Result<Option<Rc<Judged>>, Self::Error>;

    /// The resources of a type that refer by that parameter to `target` (type and id).
    fn referrers(&mut self, type_name: &str, param: u32, target: (&str, &str)) -> Result<Vec<Rc<Judged>>, Self::Error>;

    /// Type and id of what the current entries of the List with that id refer to.
    fn list(&mut self, id: &str) -> Result<Vec<(String, String)>, Self::Error>;
}

/// Whether a resource meets a condition.
pub fn holds<S: State>(
    condition: &Condition,
    judged: &Judged,
    state: &mut S,
    registry: &Registry,
) -> Result<bool, S::Error> {
    Ok(match condition {
        Condition::Filter(filter) => match filter.param {
            FilterParam::Id | FilterParam::LastUpdated => {
                let entries = crate::index::identity_entries(&judged.id, judged.last_updated);
                matches(filter, &entries, registry)
            }
            FilterParam::Param(..) => matches(filter, &judged.entries, registry),
        },
        Condition::Chain(chain) => chained(chain, judged, state, registry)?,
        Condition::Has(Has { param, source }) => {
            let found = state.referrers(&source.type_name, *param, (&judged.type_name, &judged.id))?;
            any(&found, |one| meets(source, one, state, registry))?
        }
        Condition::List(id) => {
            state.list(id)?.iter().any(|(type_name, id)| *type_name == judged.type_name && *id == judged.id)
        }
        Condition::Text(text) => {
            let there = if text.is_narrative { &judged.text.narrative } else { &judged.text.content };
            has_words(&text.words, &there.split(' ').collect::<Vec<_>>())
        }
        Condition::All(all) => !any(all, |one| holds(one, judged, state, registry).map(|held| !held))?,
        Condition::Any(some) => any(some, |one| holds(one, judged, state, registry))?,
        Condition::Not(one) => !holds(one, judged, state, registry)?,
    })
}

fn any<T, E>(list: &[T], mut test: impl FnMut(&T) -> Result<bool, E>) -> Result<bool, E> {
    for one in list {
        if test(one)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn meets<S: State>(target: &Target, judged: &Judged, state: &mut S, registry: &Registry) -> Result<bool, S::Error> {
    let fails = any(&target.conditions, |one| holds(one, judged, state, registry).map(|held| !held))?;
    Ok(!fails && judged.type_name == target.type_name)
}

fn chained<S: State>(chain: &Chain, judged: &Judged, state: &mut S, registry: &Registry) -> Result<bool, S::Error> {
    for entry in judged.entries.iter().filter(|entry| entry.param == chain.param) {
        let IndexValue::Reference { type_name: Some(type_name), id: Some(id), url: None } = &entry.value else {
            continue;
        };
        let Some(target) = chain.targets.iter().find(|target| target.type_name == *type_name) else { continue };
        if FhirId::parse(id).is_none() {
            continue;
        }
        if let Some(found) = state.resource(type_name, id)?
            && meets(target, &found, state, registry)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_words(words: &Words, there: &[&str]) -> bool {
    match words {
        Words::Word(word) => there.contains(&word.as_str()),
        Words::Prefix(start) => there.iter().any(|word| word.starts_with(start.as_str())),
        Words::All(all) => all.iter().all(|one| has_words(one, there)),
        Words::Any(some) => some.iter().any(|one| has_words(one, there)),
        Words::Without(one, other) => has_words(one, there) && !has_words(other, there),
    }
}
